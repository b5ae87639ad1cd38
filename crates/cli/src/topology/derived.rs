//! The SQL of derived features, planned as a query would plan it.

use headwater_fold::Table;
use headwater_query::Sql;
use headwater_topology::{Problem, SourceFile, Topology};

/// Plans each derived feature by itself, so that each problem has its own place.
pub(crate) fn check(topology: &Topology, files: &[SourceFile], sql: &Sql) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, view) in &topology.feature_views {
        let table = Table::of_feature_view(name, view, topology);
        for feature in &view.derived {
            let alone = Table { derived: vec![feature.clone()], ..table.clone() };
            if let Err(message) = sql.check_derived(&alone) {
                let (file, line, column) = locate(files, name, &feature.name);
                let help = format!(
                    "mend the expression over the view's columns and read_time(): {}",
                    feature.sql.trim()
                );
                problems.push(Problem { file, line, column, message, help });
            }
        }
    }
    problems
}

/// Where a feature is declared, as near as the text tells it: after its view's name, a line that
/// begins with its own.
fn locate(files: &[SourceFile], view: &str, feature: &str) -> (String, usize, usize) {
    let yaml = || files.iter().filter(|file| !file.path.ends_with(".json"));
    for file in yaml() {
        let mut in_view = false;
        for (number, line) in (1..).zip(file.text.lines()) {
            let key = line.trim_start();
            let is = |name: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
            if is(view) {
                in_view = true;
            } else if in_view && is(feature) {
                return (file.path.clone(), number, line.len() - key.len() + 1);
            }
        }
    }
    (yaml().next().map(|file| file.path.clone()).unwrap_or_default(), 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_found_after_its_view() {
        let text =
            "feature_views:\n  a:\n    derived:\n      x: {}\n  b:\n    derived:\n      x: {}\n";
        let files = [SourceFile { path: "topology/a.yaml".to_owned(), text: text.to_owned() }];
        assert_eq!(locate(&files, "b", "x"), ("topology/a.yaml".to_owned(), 7, 7));
        assert_eq!(locate(&files, "b", "y"), ("topology/a.yaml".to_owned(), 1, 1));
    }
}
