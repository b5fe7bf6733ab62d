//! How single values are written, for the documentation.

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

fn formatted(kind: Type, format: KnownFormat) -> ObjectBuilder {
    let kind = SchemaType::new(kind);
    ObjectBuilder::new().schema_type(kind).format(Some(SchemaFormat::KnownFormat(format)))
}

pub(crate) fn uuid() -> RefOr<Schema> {
    formatted(Type::String, KnownFormat::Uuid).into()
}

pub(crate) fn instant() -> RefOr<Schema> {
    let instant = formatted(Type::String, KnownFormat::DateTime);
    instant.description(Some("RFC 3339 in UTC with `Z`, years 2000 to 2199.")).into()
}

pub(crate) fn date() -> RefOr<Schema> {
    let date = formatted(Type::String, KnownFormat::Date);
    date.description(Some("`YYYY-MM-DD`, years 2000 to 2199.")).into()
}

pub(crate) fn zone() -> RefOr<Schema> {
    let zone = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    zone.description(Some("A zone of the IANA database, as `Europe/Bucharest`.")).into()
}

pub(crate) fn appointment_id() -> RefOr<Schema> {
    let id = formatted(Type::Integer, KnownFormat::Int64);
    id.minimum(Some(1)).maximum(Some(restartix_kernel::AppointmentId::MAX)).into()
}

pub(crate) fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).into()
}

pub(crate) fn integer(least: i64, most: i64) -> RefOr<Schema> {
    let number = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
    number.minimum(Some(least)).maximum(Some(most)).into()
}

pub(crate) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    text.enum_values(Some(words)).into()
}

pub(crate) fn list(of: RefOr<Schema>) -> RefOr<Schema> {
    ArrayBuilder::new().items(of).into()
}
