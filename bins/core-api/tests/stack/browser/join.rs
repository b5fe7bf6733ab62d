//! The join page, as a patient on a phone meets it.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Clock as _;
use restartix_testkit::browser::{Browser, DESKTOP, Key, Locator, PHONE};
use serde_json::json;

use crate::booking::token;
use crate::support::{Clinic, text};
use crate::video::inside::{Inside, simulated};
use crate::video::{PATIENCE, enter};

/// A link of the patient's, to a room that opens in some minutes.
fn early_link(clinic: &Clinic, inside: &Inside) -> Result<(i64, String, DateTime<Utc>)> {
    let slot = clinic.slots()?.first().context("a slot")?.clone();
    let id = clinic.book(&slot)?;
    let link = text(&token(&clinic.patient, id, PATIENCE)?["join_url"])?;
    let starts_at: DateTime<Utc> = slot.parse()?;
    // The link is good for ten minutes: the room opens within five.
    let lead = (starts_at - inside.clock.now()).num_minutes() - 4;
    clinic.admin.patch("/v1/organization", &json!({"lead_minutes": lead}))?.expect(200)?;
    Ok((id, link, starts_at - TimeDelta::minutes(lead)))
}

/// What holds for every page of ours: its words fit a phone, a screen reader can use it, nothing comes
/// from elsewhere, and the browser has nothing to complain of.
async fn is_sound(browser: &Browser, origin: &str, name: &str) -> Result<()> {
    for screen in [DESKTOP, PHONE] {
        browser.show_as(screen).await?;
        let width = "return document.documentElement.scrollWidth - innerWidth";
        let beyond = browser.execute(width, Vec::new()).await?;
        ensure!(beyond.as_i64().is_some_and(|px| px <= 0), "{name}: {beyond} px beyond {screen:?}");
        let device = if screen.mobile { "phone" } else { "desktop" };
        browser.screenshot(&format!("{name}-{device}")).await?;
    }
    let faults = browser.accessibility_faults().await?;
    ensure!(faults.is_empty(), "{name}: {faults:?}");
    let foreign: Vec<_> =
        browser.loaded().await?.into_iter().filter(|url| !url.starts_with(origin)).collect();
    ensure!(foreign.is_empty(), "{name} loads {foreign:?}");
    ensure!(!browser.source().await?.contains("restartix-"), "{name} holds a room's name");
    Ok(())
}

/// What the browser complained of, the icon that every browser asks for aside.
async fn complaints(browser: &Browser) -> Result<Vec<String>> {
    let heard = browser.console().await?;
    Ok(heard.into_iter().filter(|line| !line.contains("favicon.ico")).collect())
}

async fn status(browser: &Browser) -> Result<String> {
    Ok(browser.find(Locator::Id("status")).await?.text().await?)
}

/// Goes into the call behind the frame, and comes out to the page again.
async fn come_in(browser: &Browser) -> Result<String> {
    let frame = browser.wait().for_element(Locator::Css("iframe[title='Video call']")).await?;
    frame.enter_frame().await?;
    let join = Locator::XPath("//button[text()='Join the call']");
    browser.wait().for_element(join).await?.click().await?;
    let inside = browser.wait().for_element(Locator::Css("p[role=status]")).await?;
    let told = inside.text().await?;
    let who = browser.find(Locator::Css("ul")).await?.text().await?;
    browser.enter_parent_frame().await?;
    Ok(format!("{told} {who}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_join_page_counts_down_lets_in_by_keyboard_survives_a_reload_and_refuses_in_words()
-> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let (id, link, opens_at) = early_link(&clinic, &inside)?;
    let origin = stack.base();
    let browser = Browser::start("join_page").await?;

    // Before the lead time: a countdown, and a button that waits.
    browser.goto(&link).await?;
    let spoken = browser.spoken().await?;
    for heard in [r#"heading "Your video appointment""#, r#"button "Join""#] {
        ensure!(spoken.iter().any(|one| one == heard), "{heard}: {spoken:?}");
    }
    assert_eq!(status(&browser).await?, "The room is not open yet.");
    let countdown = browser.find(Locator::Id("countdown")).await?.text().await?;
    ensure!(countdown.starts_with("0:0") && countdown.len() == 7, "{countdown}");
    ensure!(!spoken.iter().any(|one| one.contains(&countdown)), "every second: {spoken:?}");
    is_sound(&browser, &origin, "countdown").await?;
    inside.clock.advance(opens_at - inside.clock.now() - TimeDelta::seconds(8));
    browser.refresh().await?;
    browser.wait().for_element(Locator::Css("#join:disabled")).await?;
    browser.wait().for_element(Locator::Css("#join:enabled")).await?;
    assert_eq!(status(&browser).await?, "The room is open.");
    is_sound(&browser, &origin, "open").await?;

    // By keyboard alone into the call, where the specialist is.
    enter(&stack, &clinic.specialist, id)?;
    browser.find(Locator::Css("body")).await?.send_keys(&Key::Tab).await?;
    let focused = browser.active_element().await?;
    assert_eq!(focused.attr("id").await?.as_deref(), Some("join"));
    focused.send_keys(&Key::Enter).await?;
    let told = come_in(&browser).await?;
    ensure!(told.starts_with("You are in the call.") && told.contains("host"), "{told}");
    browser.screenshot("call-phone").await?;

    // A reload does not use the link up.
    browser.refresh().await?;
    browser.wait().for_element(Locator::Id("join")).await?.click().await?;
    come_in(&browser).await?;
    assert_eq!(complaints(&browser).await?, Vec::<String>::new());

    // Called off: no way in, and the page says why; also to a page that was open.
    browser.refresh().await?;
    let join = browser.wait().for_element(Locator::Id("join")).await?;
    let reason = json!({"reason_code": "patient_request"});
    clinic.specialist.post(&format!("/v1/appointments/{id}/cancel"), &reason)?;
    let in_progress = clinic.specialist.get(&format!("/v1/appointments/{id}"))?.expect(200)?;
    assert_eq!(in_progress["status"], "in_progress", "what has begun cannot be called off");
    clinic.specialist.post(&format!("/v1/appointments/{id}/complete"), &json!({}))?.expect(200)?;
    join.click().await?;
    let over = Locator::XPath("//p[@id='status'][text()='This appointment is over.']");
    browser.wait().for_element(over).await?;
    browser.refresh().await?;
    assert_eq!(status(&browser).await?, "This appointment is over.");
    ensure!(browser.find(Locator::Id("join")).await.is_err(), "a button that leads nowhere");
    is_sound(&browser, &origin, "over").await?;

    // The link expires.
    inside.clock.advance(TimeDelta::minutes(10));
    browser.refresh().await?;
    assert_eq!(browser.title().await?, "This link has expired");
    is_sound(&browser, &origin, "expired").await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_link_while_the_database_is_away_sees_a_page_and_no_json() -> Result<()> {
    let (stack, inside) = simulated().await?;
    let clinic = stack.clinic("one")?;
    let (_, link, _) = early_link(&clinic, &inside)?;
    let away =
        "REVOKE EXECUTE ON FUNCTION definer.resolve_join_code(bytea, timestamptz) FROM core_app";
    restartix_testkit::sql(&stack.database, away).await?;
    let browser = Browser::start("join_page_away").await?;
    browser.goto(&link).await?;
    let heading = browser.find(Locator::Css("h1")).await?.text().await?;
    assert_eq!(heading, "The page cannot be shown now");
    is_sound(&browser, &stack.base(), "away").await?;
    let answer = stack.anybody().get(link.trim_start_matches(&stack.base()))?;
    ensure!(answer.status >= 500, "{answer:?}");
    browser.close().await
}
