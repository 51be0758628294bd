//! The environment: `PUSH_<KEY>` for every top-level key.

use std::ffi::OsString;

use super::error::{ConfigError, Place, suggestion};
use super::value::Value;
use super::{Settings, keys, tables};

const PREFIX: &str = "PUSH_";
/// The file to read, for who cannot pass a flag.
pub(crate) const CONFIG: &str = "PUSH_CONFIG";

/// The variables that begin with `PUSH_`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<(String, OsString)>);

impl Environment {
    pub(crate) fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(ours.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsString> {
        self.0.iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }

    /// Reads every key that is there into `settings`.
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), ConfigError> {
        for key in keys::all() {
            let name = key.variable();
            let Some(value) = self.get(&name) else { continue };
            let set = match value.to_str() {
                Some(text) => key.set(settings, Value::Text(text)),
                None => Err("it is not UTF-8".to_owned()),
            };
            set.map_err(|problem| ConfigError::new(Place::Variable(name), problem))?;
        }
        Ok(())
    }

    /// What is to be said about variables that no key takes. They are no errors: the prefix is not ours alone.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.0.iter().filter_map(|(name, _)| notice(name)).collect()
    }
}

fn notice(name: &str) -> Option<String> {
    let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    if name == CONFIG || keys::all().any(|known| known.variable() == name) {
        return None;
    }
    if tables::NAMES.contains(&key.as_str()) {
        return Some(format!("{name} is not read: tables stand in the file only"));
    }
    let meant = suggestion(&key, keys::all().map(|key| key.name))?;
    Some(format!("{name} is not read; did you mean {PREFIX}{}?", meant.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    #[test]
    fn each_key_is_read_from_its_variable() {
        let mut settings = Settings::default();
        let given = environment(&[
            ("PUSH_LISTEN", "127.0.0.1:1"),
            ("PUSH_ORIGINS", "https://a.example, https://b.example"),
            ("PUSH_ECHO", "true"),
            ("PUSH_MAX_PAYLOAD_BYTES", "5"),
            ("PUSH_STALL_S", "2.5"),
            ("LISTEN", "127.0.0.1:2"),
        ]);
        given.apply(&mut settings).expect("they are valid");
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.transports.origins, ["https://a.example", "https://b.example"]);
        assert!(settings.transports.echo);
        assert_eq!(settings.hub.max_payload_bytes, 5);
        assert_eq!((settings.serve.stall, settings.transports.stall), {
            let stall = std::time::Duration::from_millis(2500);
            (stall, stall)
        });
    }

    #[test]
    fn a_refusal_names_the_variable() {
        for (name, value) in [("PUSH_LISTEN", "nowhere"), ("PUSH_MAX_CHANNELS", "many"), ("PUSH_ECHO", "")] {
            let error = environment(&[(name, value)]).apply(&mut Settings::default()).expect_err(name);
            assert!(error.to_string().starts_with(name), "{error}");
        }
        let bytes = OsString::from_vec(vec![0xff]);
        let given = Environment::new([(OsString::from("PUSH_LOG"), bytes)].into_iter());
        assert!(given.apply(&mut Settings::default()).is_err());
    }

    #[test]
    fn variables_of_others_are_let_pass_and_slips_are_told() {
        let given = environment(&[
            ("PUSH_LISTNE", "x"),
            ("PUSH_TOKEN", "secret-value"),
            ("PUSH_SERVICE_HOST", "10.0.0.1"),
            ("PUSH_CONFIG", "x"),
        ]);
        let notices = given.notices();
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert!(notices[0].contains("PUSH_LISTEN?") && notices[1].contains("PUSH_TOKEN"), "{notices:?}");
        assert!(!notices.concat().contains("secret-value"));
    }
}
