//! The browser sees, hears and photographs a page.
#![cfg(feature = "browser")]

mod browser {
    use anyhow::Result;
    use restartix_testkit::browser::{Browser, Locator, PHONE};

    const PAGE: &str = "data:text/html,<!DOCTYPE html><html lang=en><title>Door</title>\
        <meta name=viewport content='width=device-width'><main><h1>Door</h1>\
        <button onclick=\"this.textContent='Open'\">Closed</button></main>";

    #[tokio::test]
    async fn a_page_is_shown_on_a_phone_used_heard_and_photographed() -> Result<()> {
        let browser = Browser::start("testkit").await?;
        browser.show_as(PHONE).await?;
        browser.goto(PAGE).await?;
        let width = browser.execute("return innerWidth", Vec::new()).await?;
        assert_eq!(width, PHONE.width);
        browser.find(Locator::Css("button")).await?.click().await?;
        browser.wait().for_element(Locator::XPath("//button[text()='Open']")).await?;
        let spoken = browser.spoken().await?;
        assert!(spoken.contains(&"button \"Open\"".to_owned()), "{spoken:?}");
        assert_eq!(browser.accessibility_faults().await?, Vec::<String>::new());
        let kept = browser.screenshot("door").await?;
        assert!(std::fs::read(kept)?.starts_with(b"\x89PNG"));
        browser.close().await
    }

    #[tokio::test]
    async fn a_fault_of_a_page_is_found() -> Result<()> {
        let browser = Browser::start("testkit_faults").await?;
        browser.goto("data:text/html,<title>x</title><img src='data:,'><button></button>").await?;
        let faults = browser.accessibility_faults().await?;
        assert!(faults.iter().any(|fault| fault.starts_with("image-alt:")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("button-name:")), "{faults:?}");
        browser.execute("console.error('not well')", Vec::new()).await?;
        let heard = browser.console().await?;
        assert!(heard.iter().any(|line| line.contains("not well")), "{heard:?}");
        browser.close().await
    }
}
