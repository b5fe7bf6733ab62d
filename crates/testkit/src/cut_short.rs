use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Drives `future` through `polls` polls and drops it there; `None` when it was cut short.
pub async fn cut_short<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
