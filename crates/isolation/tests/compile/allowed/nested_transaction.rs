//! A unit of work ends once, and is gone.
use restartix_kernel::StoreError;
use restartix_workflows::Work;

async fn end(work: Box<dyn Work>) -> Result<(), StoreError> {
    work.commit().await
}

fn main() {
    let _ = end;
}
