use chrono::{DateTime, SecondsFormat, Utc};
use maud::{DOCTYPE, Markup, html};
use restartix_http_api::Kind;
use restartix_video::AdmissionRefused;
use restartix_workflows::WaitingRoom;

/// The page of an appointment's room: neither the room's name nor its address is in it.
pub(crate) fn visit(room: &WaitingRoom, now: DateTime<Utc>) -> Markup {
    let opens_at = match room.admission {
        Err(AdmissionRefused::TooEarly { opens_at }) => Some(rfc3339(opens_at)),
        _ => None,
    };
    let (said, may_come) = match room.admission {
        Ok(()) => ("The room is open.", true),
        Err(AdmissionRefused::TooEarly { .. }) => ("The room is not open yet.", true),
        Err(AdmissionRefused::RoomNotReady) => {
            ("The room is being prepared. Please try again in a moment.", true)
        }
        Err(AdmissionRefused::TooLate) => ("This appointment is over.", false),
        Err(AdmissionRefused::Cancelled) => ("This appointment was cancelled.", false),
    };
    let body = html! {
        main id="visit" data-now=(rfc3339(now)) data-opens-at=[opens_at.as_deref()] {
            h1 { "Your video appointment" }
            p { (time(room.starts_at)) " to " (time(room.ends_at)) }
            @if let Some(opens_at) = &opens_at {
                p { "You can join from " time datetime=(opens_at) { (opens_at) } "." }
                // Not announced: a screen reader would read out every second.
                p id="countdown" class="countdown" aria-hidden="true" hidden {}
            }
            p id="status" role="status" { (said) }
            @if may_come {
                button id="join" type="button" disabled[opens_at.is_some()] { "Join" }
            }
            noscript { p { "This page needs JavaScript to open the video call." } }
        }
    };
    page("Your video appointment", &body)
}

/// The page of a code that is none, or that has expired.
pub(crate) fn expired() -> Markup {
    let body = html! {
        main {
            h1 { "This link has expired" }
            p { "Links to a video room are good for ten minutes. Please open the appointment again." }
        }
    };
    page("This link has expired", &body)
}

/// The page where something stands in the way that may pass.
pub(crate) fn failed(kind: Kind) -> Markup {
    let (title, advice) = match kind {
        Kind::RATE_LIMITED => {
            ("Too many attempts", "Please wait a minute, and open the link again.")
        }
        kind if kind.status.is_server_error() => (
            "The page cannot be shown now",
            "Something does not work on our side. Please open the link again in a moment.",
        ),
        _ => ("This link cannot be opened", "Please open the appointment again."),
    };
    let body = html! {
        main {
            h1 { (title) }
            p role="alert" { (advice) }
            a class="button" href="" { "Try again" }
        }
    };
    page(title, &body)
}

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="stylesheet" href="/assets/join.css";
                script src="/assets/join.js" defer {}
            }
            body { (body) }
        }
    }
}

fn time(instant: DateTime<Utc>) -> Markup {
    let text = rfc3339(instant);
    html! { time datetime=(text) { (text) } }
}

fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn shown(admission: Result<(), AdmissionRefused>) -> String {
        let now: DateTime<Utc> = "2026-01-05T08:30:00Z".parse().unwrap();
        let starts_at = now + TimeDelta::minutes(30);
        let ends_at = starts_at + TimeDelta::minutes(45);
        let page = visit(&WaitingRoom { admission, starts_at, ends_at }, now).into_string();
        page.replace("><", ">\n<")
    }

    #[test]
    fn before_the_room_opens_the_page_counts_down() {
        let opens_at = "2026-01-05T08:45:00Z".parse().unwrap();
        insta::assert_snapshot!(shown(Err(AdmissionRefused::TooEarly { opens_at })));
    }

    #[test]
    fn an_open_room_has_a_button() {
        insta::assert_snapshot!(shown(Ok(())));
    }

    #[test]
    fn a_room_that_nobody_may_enter_any_more_has_none() {
        for refused in [AdmissionRefused::TooLate, AdmissionRefused::Cancelled] {
            assert!(!shown(Err(refused)).contains("<button"), "{refused}");
        }
        assert!(shown(Err(AdmissionRefused::RoomNotReady)).contains("<button"));
    }

    #[test]
    fn an_expired_link_says_what_to_do() {
        insta::assert_snapshot!(expired().into_string().replace("><", ">\n<"));
    }

    #[test]
    fn what_fails_says_so_in_words_and_offers_to_try_again() {
        insta::assert_snapshot!(failed(Kind::UNAVAILABLE).into_string().replace("><", ">\n<"));
        let limited = failed(Kind::RATE_LIMITED).into_string();
        assert!(limited.contains("wait a minute"), "{limited}");
    }

    #[test]
    fn no_page_has_a_script_or_a_style_inside() {
        let pages = [shown(Ok(())), expired().into_string(), failed(Kind::TIMEOUT).into_string()];
        for page in pages {
            assert!(!page.contains("style=") && !page.contains("<style"), "{page}");
            let handler =
                |rest: &str| rest.trim_start_matches(char::is_alphabetic).starts_with('=');
            assert!(!page.split(" on").skip(1).any(handler), "{page}");
            assert_eq!(page.matches("<script").count(), 1, "{page}");
        }
    }
}
