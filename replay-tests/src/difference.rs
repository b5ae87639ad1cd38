//! In what an output differs from the golden, for people.

/// Lines shown before and after the first that differs.
const CONTEXT: usize = 3;
/// Differing lines shown at most.
const SHOWN_MAX: usize = 12;

/// The first lines that differ, with the command that printed them; nothing if there are none.
pub fn difference(golden: &str, output: &str) -> Option<String> {
    if golden == output {
        return None;
    }
    let (golden, output): (Vec<&str>, Vec<&str>) =
        (golden.lines().collect(), output.lines().collect());
    let same = golden.iter().zip(&output).take_while(|(a, b)| a == b).count();
    let command = golden.iter().take(same + 1).rfind(|line| line.starts_with("> "));
    let mut text = format!("line {}", same + 1);
    if let Some(command) = command {
        text.push_str(&format!(", in the answer to `{}`", command.trim_start_matches("> ")));
    }
    text.push('\n');
    let begin = same.saturating_sub(CONTEXT);
    for line in golden.iter().skip(begin).take(same - begin) {
        text.push_str(&format!("    {line}\n"));
    }
    let (golden, output) =
        (golden.get(same..).unwrap_or_default(), output.get(same..).unwrap_or_default());
    let alike = golden.iter().rev().zip(output.iter().rev()).take_while(|(a, b)| a == b).count();
    show("  - ", golden, alike, &mut text);
    show("  + ", output, alike, &mut text);
    text.push_str("  (- golden, + output)\n");
    Some(text)
}

fn show(sign: &str, lines: &[&str], alike: usize, text: &mut String) {
    let differing = lines.len().saturating_sub(alike);
    for line in lines.iter().take(differing.min(SHOWN_MAX)) {
        text.push_str(&format!("{sign}{line}\n"));
    }
    if differing > SHOWN_MAX {
        text.push_str(&format!("{sign}… {} lines more\n", differing - SHOWN_MAX));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]
    use super::*;

    #[test]
    fn the_first_difference_is_told_with_its_command() {
        assert_eq!(difference("a\n", "a\n"), None);
        let golden = "> sql x\na\nb\nc\n\n> digest\nd\n";
        let told = difference(golden, "> sql x\na\nB\nc\n\n> digest\nd\n").unwrap();
        assert!(
            told.starts_with("line 3, in the answer to `sql x`\n    > sql x\n    a\n"),
            "{told}"
        );
        assert!(told.contains("  - b\n  + B\n"), "{told}");
        let told = difference("a\n", "a\nb\n").unwrap();
        assert!(told.contains("line 2") && told.contains("  + b\n"), "{told}");
    }
}
