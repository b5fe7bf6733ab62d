use actix_web::http::StatusCode;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::{Content, Ref, RefOr, Required, Response, ResponseBuilder, Schema};

/// An operation's documentation as inputs and outputs add to it.
#[derive(Default)]
pub struct Sketch {
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(String, Response)>,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Sketch {
    fn parameter(
        &mut self,
        place: ParameterIn,
        name: &str,
        required: bool,
        schema: RefOr<Schema>,
        description: Option<&str>,
    ) {
        let required = if required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(name).parameter_in(place);
        let parameter = parameter.required(required).description(description).schema(Some(schema));
        self.parameters.push(parameter.build());
    }

    pub(crate) fn path(&mut self, name: &str, schema: RefOr<Schema>) {
        self.parameter(ParameterIn::Path, name, true, schema, None);
    }

    /// A part of the path that is a text of its own kind.
    pub fn path_text(&mut self, name: &str) {
        self.path(name, crate::wire::schema::text());
    }

    pub(crate) fn query(&mut self, name: &str, schema: RefOr<Schema>) {
        self.parameter(ParameterIn::Query, name, false, schema, None);
    }

    pub(crate) fn query_required(&mut self, name: &str, schema: RefOr<Schema>) {
        self.parameter(ParameterIn::Query, name, true, schema, None);
    }

    pub(crate) fn header(&mut self, name: &str, description: &str) {
        let text = crate::wire::schema::text();
        self.parameter(ParameterIn::Header, name, false, text, Some(description));
    }

    fn named<T: ToSchema>(&mut self) -> Content {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        Content::new(Some(Ref::from_schema_name(T::name())))
    }

    pub(crate) fn takes<T: ToSchema>(&mut self) {
        let content = self.named::<T>();
        let body = RequestBodyBuilder::new().content("application/json", content);
        self.body = Some(body.required(Some(Required::True)).build());
        for status in [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY] {
            self.refuses(status);
        }
    }

    /// A JSON body in somebody else's words.
    pub(crate) fn takes_any(&mut self) {
        let body = RequestBodyBuilder::new().content("application/json", Content::default());
        self.body = Some(body.required(Some(Required::True)).build());
        for status in [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED] {
            self.refuses(status);
        }
    }

    /// A form, whose refusals are OAuth's own.
    pub(crate) fn takes_form(&mut self) {
        let kind = "application/x-www-form-urlencoded";
        let body = RequestBodyBuilder::new().content(kind, Content::default());
        self.body = Some(body.required(Some(Required::True)).build());
        for status in [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED] {
            self.answers_bare(status);
        }
    }

    /// Bytes of whatever type.
    pub(crate) fn takes_bytes(&mut self) {
        let body =
            RequestBodyBuilder::new().content("application/octet-stream", Content::default());
        self.body = Some(body.required(Some(Required::True)).build());
        self.refuses(StatusCode::UNPROCESSABLE_ENTITY);
    }

    pub(crate) fn answers<T: ToSchema>(&mut self, status: StatusCode) {
        let content = self.named::<T>();
        let description = status.canonical_reason().unwrap_or_default();
        let response = ResponseBuilder::new().description(description);
        let response = response.content("application/json", content).build();
        self.responses.push((status.as_str().to_owned(), response));
    }

    pub(crate) fn answers_bare(&mut self, status: StatusCode) {
        let description = status.canonical_reason().unwrap_or_default();
        self.responses.push((status.as_str().to_owned(), Response::new(description)));
    }

    pub(crate) fn refuses(&mut self, status: StatusCode) {
        let description = status.canonical_reason().unwrap_or_default();
        self.problem(status.as_str(), description);
    }

    /// Whatever else may be answered is a problem too.
    pub(crate) fn refuses_otherwise(&mut self) {
        self.problem("default", "Refused or failed");
    }

    fn problem(&mut self, status: &str, description: &str) {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description(description);
        let response = response.content("application/problem+json", content).build();
        self.responses.push((status.to_owned(), response));
    }

    /// The operation so far, and the schemas that it refers to.
    pub(crate) fn finish(self) -> (OperationBuilder, Vec<(String, RefOr<Schema>)>) {
        let mut operation = OperationBuilder::new().request_body(self.body);
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        for (status, response) in self.responses {
            operation = operation.response(status, response);
        }
        (operation, self.schemas)
    }
}
