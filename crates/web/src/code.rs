use restartix_http_api::{Input, Parts, Problem, Sketch};
use restartix_video::JoinCode;

/// The `{code}` of a join link; `None` for a text that is none.
pub(crate) struct Code(pub(crate) Option<JoinCode>);

impl Input for Code {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(JoinCode::parse(request.path("code")).ok()))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path_text("code");
    }
}
