//! Pages of other origins and the bucket: a real browser obeys the rule that `bucket apply` sets.

mod browser {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use anyhow::{Context, Result};
    use restartix_testkit::browser::Browser;
    use serde_json::{Value, json};

    use crate::files::announcement;
    use crate::support::{BUCKET, Stack, text};

    const PDF: &str = "%PDF-1.7\n% sent by a page\n%%EOF\n";

    /// Puts a text where an announcement says, as a page would; answers the status, or why there is none.
    const PUT: &str = "const [url, headers, body, done] = arguments;
        fetch(url, { method: 'PUT', headers, body }).then(
            (answer) => done(answer.status), (error) => done(error.name));";
    /// The same by a GET.
    const GET: &str = "const [url, done] = arguments;
        fetch(url).then((answer) => answer.text()).then(done, (error) => done(error.name));";

    /// An empty page of an origin of its own, for as long as the test runs; answers the origin.
    fn page() -> Result<String> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let origin = format!("http://{}", listener.local_addr()?);
        std::thread::spawn(move || {
            const PAGE: &str = "<!DOCTYPE html><title>A page</title>";
            for mut stream in listener.incoming().flatten() {
                // Whoever hangs up wants no page.
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{PAGE}",
                    PAGE.len()
                );
            }
        });
        Ok(origin)
    }

    /// What a page may set: the browser tells the length itself.
    fn headers(upload: &Value) -> Result<Value> {
        let mut headers = upload["headers"].as_object().context("headers")?.clone();
        headers.remove("content-length");
        Ok(headers.into())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_of_a_configured_origin_puts_and_gets_a_file_and_one_of_another_cannot()
    -> Result<()> {
        let (ours, strangers) = (page()?, page()?);
        let stack = Stack::with_settings(&[("CORE_HTTP__CORS_ORIGINS", &ours)]).await?;
        let clinic = stack.clinic("one")?;
        let body = announcement("document", "page.pdf", "application/pdf", PDF.as_bytes());
        let told = clinic.patient.post("/v1/files", &body)?.expect(201)?;
        let arguments = || {
            anyhow::Ok(vec![told["upload"]["url"].clone(), headers(&told["upload"])?, json!(PDF)])
        };
        let browser = Browser::start("files_cors").await?;

        browser.goto(&strangers).await?;
        assert_eq!(browser.execute_async(PUT, arguments()?).await?, "TypeError", "not refused");
        assert!(stack.s3.objects(BUCKET).is_empty(), "a stranger's page put a file");

        browser.goto(&ours).await?;
        assert_eq!(browser.execute_async(PUT, arguments()?).await?, 200);
        let id = text(&told["id"])?;
        let complete = format!("/v1/files/{id}/complete");
        let done = clinic.patient.send("POST", &complete, None)?.expect(200)?;
        assert_eq!(done["status"], "available");

        let answer = clinic.patient.get(&format!("/v1/files/{id}/download"))?;
        let link = answer.headers.iter().find(|(name, _)| name == "location").context("a link")?;
        let link = || vec![json!(link.1)];
        assert_eq!(browser.execute_async(GET, link()).await?, PDF);
        browser.goto(&strangers).await?;
        assert_eq!(browser.execute_async(GET, link()).await?, "TypeError", "not refused");
        browser.close().await
    }
}
