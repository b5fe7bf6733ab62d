use std::borrow::Cow;
use std::collections::BTreeSet;

use restartix_kernel::{Page, PersonId};
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::View;

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct PageView<T> {
    /// At most `limit` of them.
    pub items: Vec<T>,
    /// Ask with it for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T: View> View for PageView<T> {
    fn patients(&self) -> BTreeSet<PersonId> {
        self.items.iter().flat_map(View::patients).collect()
    }
}

impl<T, D: Into<T>> From<Page<D>> for PageView<T> {
    fn from(page: Page<D>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next_cursor: page.next_cursor.map(|cursor| cursor.key().to_owned()),
        }
    }
}

// By hand, because a derived schema bears the same name whatever is on the page.
impl<T: ToSchema> PartialSchema for PageView<T> {
    fn schema() -> RefOr<Schema> {
        let cursor = [Type::String, Type::Null].into_iter().collect::<SchemaType>();
        ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .required("items")
            .property("next_cursor", ObjectBuilder::new().schema_type(cursor))
            .required("next_cursor")
            .into()
    }
}

impl<T: ToSchema> ToSchema for PageView<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
    }
}
