//! Folds the log again into a fresh store and compares.
