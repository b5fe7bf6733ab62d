use chrono::{DateTime, Utc};
use restartix_scheduling::{Appointment, Status};

/// An appointment as a calendar takes it (RFC 5545): when, and that there is one. Neither who nor
/// what for, since calendars are shared, synchronised and shown on locked screens.
#[derive(Debug)]
pub struct CalendarFile {
    /// The appointment.
    pub appointment: Appointment,
    /// When the file is made.
    pub made_at: DateTime<Utc>,
    /// Where the server is, as `https://api.clinic.example`.
    pub public_url: String,
}

impl CalendarFile {
    /// The file's text: lines that end in CR LF, of at most 75 octets.
    pub fn text(&self) -> String {
        let appointment = &self.appointment;
        let stamp = |instant: DateTime<Utc>| instant.format("%Y%m%dT%H%M%SZ").to_string();
        let cancelled = appointment.status == Status::Cancelled;
        let lines = [
            ("BEGIN", "VCALENDAR".to_owned()),
            ("VERSION", "2.0".to_owned()),
            ("PRODID", "-//RestartiX//Core API//EN".to_owned()),
            ("CALSCALE", "GREGORIAN".to_owned()),
            ("BEGIN", "VEVENT".to_owned()),
            ("UID", escaped(&format!("appointment-{}@{}", appointment.id, self.host()))),
            ("DTSTAMP", stamp(self.made_at)),
            ("DTSTART", stamp(appointment.starts_at)),
            ("DTEND", stamp(appointment.ends_at)),
            ("SEQUENCE", appointment.version.get().to_string()),
            ("STATUS", if cancelled { "CANCELLED" } else { "CONFIRMED" }.to_owned()),
            ("TRANSP", if cancelled { "TRANSPARENT" } else { "OPAQUE" }.to_owned()),
            ("CLASS", "PRIVATE".to_owned()),
            ("SUMMARY", escaped("Appointment")),
            ("END", "VEVENT".to_owned()),
            ("END", "VCALENDAR".to_owned()),
        ];
        lines.iter().map(|(name, value)| folded(&format!("{name}:{value}"))).collect()
    }

    /// The server's name, without scheme and port.
    fn host(&self) -> &str {
        let rest = self.public_url.split_once("://").map_or(&*self.public_url, |(_, rest)| rest);
        rest.split(['/', ':']).next().unwrap_or_default()
    }
}

/// A text as the value of a property (RFC 5545, section 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// A line with its end, cut where it is longer than 75 octets (RFC 5545, section 3.1).
fn folded(line: &str) -> String {
    let (mut out, mut octets) = (String::with_capacity(line.len() + 2), 0);
    for letter in line.chars() {
        if octets + letter.len_utf8() > 75 {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(letter);
        octets += letter.len_utf8();
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commas_semicolons_backslashes_and_line_ends_are_escaped() {
        assert_eq!(escaped("a,b;c\\d\r\ne\u{7}"), "a\\,b\\;c\\\\d\\ne");
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_75_octets_and_unfolding_gives_it_back(text in "\\PC{0,300}") {
            let line = folded(&text);
            prop_assert!(line.ends_with("\r\n"));
            prop_assert!(line.split("\r\n").all(|part| part.len() <= 75));
            let whole = line.replace("\r\n ", "");
            prop_assert_eq!(whole.trim_end_matches("\r\n"), text.as_str());
        }
    }
}
