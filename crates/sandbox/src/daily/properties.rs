//! The properties of a room and of a meeting token: their types and, for rooms, their defaults
//! (<https://docs.daily.co/reference/rest-api/rooms/config>). Unknown ones are refused.

use serde_json::{Map, Value};

use super::answer::Refusal;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number from 0 up: seconds, a count, or a Unix time in seconds.
    Whole,
    /// Any number.
    Number,
    /// A text of at most so many characters.
    Text(usize),
    /// A text or a list of texts.
    TextOrList,
    /// An object, unchecked inside.
    Object,
    /// A list or an object, unchecked inside.
    Structure,
}

impl Kind {
    /// Refuses a value of another kind.
    pub(super) fn check(self, name: &str, value: &Value) -> Result<(), Refusal> {
        let fits = match self {
            Self::Flag => value.is_boolean(),
            Self::Whole => value.is_u64(),
            Self::Number => value.is_number(),
            Self::Text(most) => value.as_str().is_some_and(|text| text.chars().count() <= most),
            Self::TextOrList => {
                value.is_string()
                    || value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
            }
            Self::Object => value.is_object(),
            Self::Structure => value.is_object() || value.is_array(),
        };
        if fits {
            return Ok(());
        }
        let expected = match self {
            Self::Flag => "a boolean".to_owned(),
            Self::Whole => "a whole number, not negative".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text(most) => format!("a string of at most {most} characters"),
            Self::TextOrList => "a string or an array of strings".to_owned(),
            Self::Object => "an object".to_owned(),
            Self::Structure => "an object or an array".to_owned(),
        };
        Err(Refusal::invalid(format!("{name} must be {expected}")))
    }
}

/// What a room's property is when nobody sets it.
#[derive(Clone, Copy, Debug)]
enum Default {
    Unset,
    Flag(bool),
    Number(u32),
    Text(&'static str),
}

impl Default {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Unset => false,
            Self::Flag(flag) => value.as_bool() == Some(flag),
            Self::Number(number) => value.as_u64() == Some(u64::from(number)),
            Self::Text(text) => value.as_str() == Some(text),
        }
    }
}

const LONG: Kind = Kind::Text(2048);
const OFF: Default = Default::Flag(false);
const ON: Default = Default::Flag(true);

/// Every property of a room that the stand-in knows. Only a few change what it does; the others
/// are kept and echoed.
const ROOM: &[(&str, Kind, Default)] = &[
    ("nbf", Kind::Whole, Default::Unset),
    ("exp", Kind::Whole, Default::Unset),
    ("max_participants", Kind::Whole, Default::Number(MAX_PARTICIPANTS)),
    ("eject_at_room_exp", Kind::Flag, OFF),
    ("eject_after_elapsed", Kind::Whole, Default::Unset),
    ("enforce_unique_user_ids", Kind::Flag, OFF),
    ("enable_knocking", Kind::Flag, OFF),
    ("enable_recording", Kind::TextOrList, Default::Unset),
    ("geo", Kind::Text(64), Default::Unset),
    ("rtmp_geo", Kind::Text(64), Default::Unset),
    ("lang", Kind::Text(16), Default::Text("en")),
    ("permissions", Kind::Object, Default::Unset),
    ("enable_people_ui", Kind::Flag, ON),
    ("enable_pip_ui", Kind::Flag, OFF),
    ("enable_emoji_reactions", Kind::Flag, OFF),
    ("enable_hand_raising", Kind::Flag, OFF),
    ("enable_prejoin_ui", Kind::Flag, ON),
    ("enable_live_captions_ui", Kind::Flag, OFF),
    ("enable_network_ui", Kind::Flag, ON),
    ("enable_noise_cancellation_ui", Kind::Flag, ON),
    ("enable_breakout_rooms", Kind::Flag, OFF),
    ("enable_screenshare", Kind::Flag, ON),
    ("enable_video_processing_ui", Kind::Flag, ON),
    ("enable_chat", Kind::Flag, OFF),
    ("enable_advanced_chat", Kind::Flag, OFF),
    ("enable_shared_chat_history", Kind::Flag, ON),
    ("start_video_off", Kind::Flag, OFF),
    ("start_audio_off", Kind::Flag, OFF),
    ("owner_only_broadcast", Kind::Flag, OFF),
    ("enable_hidden_participants", Kind::Flag, OFF),
    ("enable_mesh_sfu", Kind::Flag, OFF),
    ("sfu_switchover", Kind::Number, Default::Unset),
    ("enable_adaptive_simulcast", Kind::Flag, ON),
    ("enable_multiparty_adaptive_simulcast", Kind::Flag, OFF),
    ("experimental_optimize_large_calls", Kind::Flag, OFF),
    ("enable_terse_logging", Kind::Flag, OFF),
    ("enable_dialout", Kind::Flag, OFF),
    ("disable_rtmp_geo_fallback", Kind::Flag, OFF),
    ("enable_transcription_storage", Kind::Flag, OFF),
    ("auto_transcription_settings", Kind::Object, Default::Unset),
    ("transcription_template", LONG, Default::Unset),
    ("transcription_bucket", Kind::Object, Default::Unset),
    ("recordings_template", LONG, Default::Unset),
    ("recordings_bucket", Kind::Object, Default::Unset),
    ("meeting_join_hook", LONG, Default::Unset),
    ("redirect_on_meeting_exit", LONG, Default::Unset),
    ("streaming_endpoints", Kind::Structure, Default::Unset),
];

/// Daily's own limit when a room sets none.
pub(super) const MAX_PARTICIPANTS: u32 = 200;

/// Puts `given` over `config`, which holds only what differs from the defaults. `null` returns a
/// property to its default. Nothing changes when anything is refused.
pub(super) fn merge(
    config: &mut Map<String, Value>,
    given: Map<String, Value>,
) -> Result<(), Refusal> {
    let mut merged = config.clone();
    for (name, value) in given {
        let Some((_, kind, default)) = ROOM.iter().find(|(known, ..)| *known == name) else {
            return Err(Refusal::invalid(format!("unknown parameter '{name}'")));
        };
        if value.is_null() || default.is(&value) {
            merged.remove(&name);
        } else {
            kind.check(&name, &value)?;
            merged.insert(name, value);
        }
    }
    if merged
        .get("max_participants")
        .and_then(Value::as_u64)
        .is_some_and(|most| !(1..=u64::from(MAX_PARTICIPANTS)).contains(&most))
    {
        return Err(Refusal::invalid("max_participants must be between 1 and 200"));
    }
    *config = merged;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_differs_from_the_default_stays() {
        let mut config = Map::new();
        let given = json!({"exp": 7, "enable_chat": false, "lang": "en", "start_video_off": true});
        merge(&mut config, object(given)).unwrap();
        assert_eq!(config, object(json!({"exp": 7, "start_video_off": true})));
        merge(&mut config, object(json!({"exp": null, "start_video_off": false}))).unwrap();
        assert_eq!(config, Map::new());
    }

    #[test]
    fn unknown_names_and_wrong_types_change_nothing() {
        let mut config = object(json!({"exp": 7}));
        for bad in [
            json!({"nbf": 1, "colour": "red"}),
            json!({"nbf": 1, "enable_chat": "yes"}),
            json!({"nbf": -1}),
            json!({"nbf": 1.5}),
            json!({"enable_recording": [1]}),
            json!({"max_participants": 0}),
            json!({"max_participants": 201}),
        ] {
            let refusal = merge(&mut config, object(bad)).unwrap_err();
            assert_eq!(
                (refusal.status, &refusal.body["error"]),
                (400, &json!("invalid-request-error"))
            );
        }
        assert_eq!(config, object(json!({"exp": 7})));
    }
}
