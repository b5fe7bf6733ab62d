use tokio::io::AsyncWriteExt;

use crate::support::{OK, URL, always, request, secure};

#[tokio::test]
async fn a_connection_carries_the_next_exchange_of_the_same_organisation_only() {
    let (receiver, bench) = secure(|pipe, _| always(pipe, OK)).await;
    for _ in 0..3 {
        assert_eq!(bench.status().await, Ok(200));
    }
    assert_eq!((receiver.connections(), bench.asked()), (1, 1));
    bench.post_of(&bench.two, URL).await.unwrap();
    assert_eq!(
        (receiver.connections(), bench.asked()),
        (2, 2),
        "another clinic, a connection of its own"
    );
    bench.post("https://hooks.example.com:8443/").await.unwrap();
    assert_eq!(receiver.connections(), 3, "another port, another connection");
}

#[tokio::test]
async fn a_receiver_that_closed_an_idle_connection_is_met_on_a_fresh_one() {
    // Connections end after one exchange without saying so, and after the next request is there.
    let (receiver, bench) = secure(|mut pipe, _| async move {
        request(&mut pipe).await;
        pipe.write_all(OK).await.unwrap();
        pipe.flush().await.unwrap();
        request(&mut pipe).await;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(bench.status().await, Ok(200));
    }
    assert_eq!((receiver.connections(), bench.asked()), (3, 3), "and judged anew each time");
}

#[tokio::test]
async fn what_a_receiver_sends_unasked_is_no_answer_to_the_next_request() {
    let (receiver, bench) = secure(|mut pipe, number| async move {
        request(&mut pipe).await;
        let unasked = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
        pipe.write_all(if number == 0 { unasked } else { OK }).await.unwrap();
        pipe.flush().await.unwrap();
        request(&mut pipe).await;
    })
    .await;
    assert_eq!(bench.status().await, Ok(200));
    assert_eq!(bench.status().await, Ok(200), "201 would be the one that lay there");
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn hundreds_are_under_way_at_once() {
    const MANY: usize = 300;
    let all = std::sync::Arc::new(tokio::sync::Barrier::new(MANY));
    // Nobody is answered before everybody has asked.
    let (receiver, bench) = secure(move |mut pipe, _| {
        let all = all.clone();
        async move {
            request(&mut pipe).await;
            all.wait().await;
            pipe.write_all(OK).await.unwrap();
            pipe.flush().await.unwrap();
            request(&mut pipe).await;
        }
    })
    .await;
    let bench = std::sync::Arc::new(bench);
    let sends: Vec<_> = (0..MANY)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.status().await })
        })
        .collect();
    for send in sends {
        assert_eq!(send.await.unwrap(), Ok(200));
    }
    assert_eq!(receiver.connections(), MANY);
}
