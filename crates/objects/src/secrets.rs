//! What must not be told, and texts without it.

use crate::{Properties, limits::TOLD_CHARS_MAX, place::is_secret_property};

/// Values shorter than this are no secrets, and would take letters out of every text.
const SECRET_CHARS_MIN: usize = 6;

/// The secrets of an open place.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets among these properties.
    pub(crate) fn of(properties: &Properties) -> Self {
        let secret = properties.iter().filter(|(name, value)| {
            is_secret_property(name) && value.chars().count() >= SECRET_CHARS_MIN
        });
        Self(secret.map(|(_, value)| value.clone()).collect())
    }

    /// What went wrong, from an error of object storage: the server's own code and message if it said
    /// any, since the rest of such an answer may repeat what was signed; without secrets, and short.
    pub(crate) fn told(&self, error: &object_store::Error) -> String {
        let mut text = error.to_string();
        if let Some(code) = element(&text, "Code") {
            text = match element(&text, "Message") {
                Some(message) => format!("{code}: {message}"),
                None => code.to_owned(),
            };
        }
        for secret in &self.0 {
            text = text.replace(secret, "***");
        }
        text.chars().take(TOLD_CHARS_MAX).collect::<String>().replace('\n', " ")
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// The text of the first XML element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn a_secret_is_never_told() {
        let properties = Properties::from([
            ("aws_secret_access_key".to_owned(), "wJalrXUtnFEMI".to_owned()),
            ("aws_session_token".to_owned(), "FwoGZXIvYXdzE".to_owned()),
            ("aws_region".to_owned(), "us-east-1".to_owned()),
        ]);
        let secrets = Secrets::of(&properties);
        let told = secrets.told(&generic("key wJalrXUtnFEMI, token FwoGZXIvYXdzE, us-east-1"));
        assert!(told.ends_with("key ***, token ***, us-east-1"), "{told}");
        assert_eq!(format!("{secrets:?}"), "2 secrets");
    }

    #[test]
    fn of_a_servers_answer_only_code_and_message_are_told() {
        let answer = "403: <Error><Code>SignatureDoesNotMatch</Code><Message>The signature is \
                      wrong.</Message><StringToSign>AWS4 …</StringToSign></Error>";
        let secrets = Secrets::of(&Properties::new());
        assert_eq!(
            secrets.told(&generic(answer)),
            "SignatureDoesNotMatch: The signature is wrong."
        );
    }
}
