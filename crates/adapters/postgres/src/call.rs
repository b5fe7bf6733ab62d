//! Calls of functions of the database: of those that may look across organisations, which are listed, and
//! of those that see what their caller sees.

/// Declares a call `$name { args }` of the listed function `$function`, whose rows have `$columns`.
macro_rules! definer_call {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> $fields:tt = $function:literal -> $columns:ty) => {
        $crate::call::function_call! {
            $(#[$doc])*
            $name<$life> $fields = "definer." $function -> $columns
        }
    };
}

/// Declares a call `$name { args }` of the function `$function` of `$schema`, whose rows have `$columns`.
///
/// A query node of its own and not `sql_query`, whose statements the connection does not keep: a
/// call on the path of every request must not be parsed each time.
macro_rules! function_call {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> {
        $($field:ident: $rust:ty => $sql:ty,)+
    } = $schema:literal $function:literal -> $columns:ty) => {
        $(#[$doc])*
        pub(crate) struct $name<$life> {
            $(pub(crate) $field: $rust,)+
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql(concat!("SELECT * FROM ", $schema, $function, "("));
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<$sql, _>(&self.$field)?;
                    separator = ", ";
                )+
                let _ = separator;
                out.push_sql(")");
                Ok(())
            }
        }

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = $columns;
        }

        impl<Conn> diesel::query_dsl::RunQueryDsl<Conn> for $name<'_> {}
    };
}

pub(crate) use {definer_call, function_call};
