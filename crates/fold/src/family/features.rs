//! What is declared: the list of feature views.

use crate::{Json, table::table};

table! {
    /// The feature views that the topology declares.
    FeatureViewRow in "features"."feature_views" keyed by Key (
        /// The view's name, and its table's.
        name: String,
    ) {
        /// What the view tells.
        description: String,
        /// The entity that it describes.
        entity: String,
        /// Who answers for it.
        owner: String,
        /// The version that is read: the hash of the declaration and the fold's revision.
        version: String,
        /// Whether the topology that holds declares it.
        active: bool,
        /// The declaration.
        declaration: Json,
    }
}
