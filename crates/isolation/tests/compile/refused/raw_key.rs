//! An object is not named by a text.
use restartix_storage::{ObjectError, ObjectStore};

async fn read(store: &dyn ObjectStore) -> Result<bool, ObjectError> {
    Ok(store.head("2/documents/somebodys", None).await?.is_some())
}

fn main() {
    let _ = read;
}
