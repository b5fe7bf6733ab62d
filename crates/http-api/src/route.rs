use std::future::Future;
use std::pin::Pin;

use actix_web::http::Method;
use restartix_telemetry::{Act, Operation, ResourceKind};
use restartix_tenancy::{Principal, RateClass, Role, Scope, Tenant};

use crate::input::Incoming;
use crate::{Api, Document, Input, Output, Problem, Rendered, RouteTable, Sketch};

/// One row of the route table: from it come the actix route, the OpenAPI operation, the roles, the
/// audit and the rate limit. A row without one of them cannot be written.
pub struct Route {
    pub(crate) declared: Declared,
    pub(crate) handler: Handler,
    pub(crate) describe: fn(&mut Sketch),
    /// What a program needs to call it; `None`: no program may.
    pub(crate) scope: Option<Scope>,
    /// Whether its body is taken as it comes: that takes the time that the client needs.
    pub(crate) streams: bool,
    /// Whether a client may name a key under which it is done once.
    pub(crate) once: bool,
    /// What a person is shown in place of a problem; absent where programs ask.
    pub(crate) refusal: Option<Refusal>,
}

/// What a route says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// The stable name of the operation, as in `appointments.book`: its part before the dot groups
    /// operations in the documentation.
    pub operation: &'static str,
    /// The method.
    pub method: Verb,
    /// The path, with `{id}` or `{name}`.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What the audit keeps of it.
    pub audit: AuditClass,
    /// Which bucket it draws from.
    pub rate: RateClass,
}

/// A method that a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Looks.
    Get,
    /// Makes, or does.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

impl Verb {
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// What the audit keeps of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditClass {
    /// Nothing.
    Exempt {
        /// Why that is right.
        why: &'static str,
    },
    /// Every outcome, before the answer leaves.
    Read(ResourceKind),
    /// Success with the change itself, in its transaction; refusal and failure before the answer
    /// leaves.
    Change(ResourceKind),
}

/// Who may call an operation: never empty, because only these are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles(&'static [Role]);

impl Roles {
    /// Every member.
    pub const EVERYBODY: Self = Self(&Role::ALL);
    /// Those who work for the organisation.
    pub const STAFF: Self = Self(&[Role::Specialist, Role::Admin]);
    /// Its patients.
    pub const PATIENTS: Self = Self(&[Role::Patient]);
    /// Its administrators.
    pub const ADMINS: Self = Self(&[Role::Admin]);

    pub(crate) fn names(self) -> Vec<&'static str> {
        self.0.iter().map(|role| role.as_str()).collect()
    }

    pub(crate) fn allow(self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

/// The cookie in which a browser shows the token of whoever looks at pages.
pub const SESSION_COOKIE: &str = "console_session";

/// What a handler works with that anybody may call.
pub struct Open<'a> {
    /// The services.
    pub api: &'a Api,
    /// The route table that the handler stands in.
    pub table: &'a RouteTable,
    /// What is being done.
    pub act: &'a Act,
    /// What the route says of itself.
    pub(crate) declared: &'a Declared,
}

/// What a handler works with whose caller has signed in, in an organisation or in none.
pub struct SignedIn<'a> {
    /// The services.
    pub api: &'a Api,
    /// Who calls.
    pub principal: Principal,
    /// What is being done.
    pub act: &'a Act,
}

/// What a handler works with whose caller acts in an organisation with one of the route's roles.
pub struct Member<'a> {
    /// The services.
    pub api: &'a Api,
    /// The proof of organisation.
    pub tenant: &'a Tenant,
    /// What is being done.
    pub act: &'a Act,
}

pub(crate) type Answering<'s> = Pin<Box<dyn Future<Output = Result<Rendered, Problem>> + 's>>;

/// A handler whose input and output types were forgotten; `C` is what it works with.
pub(crate) trait Endpoint<C>: Send + Sync {
    fn call<'s>(&'s self, context: C, incoming: Incoming<'s>) -> Answering<'s>
    where
        C: 's;
}

pub(crate) enum Handler {
    Open(Box<dyn for<'a> Endpoint<Open<'a>>>),
    SignedIn(Box<dyn for<'a> Endpoint<SignedIn<'a>>>),
    Member(Roles, Box<dyn for<'a> Endpoint<Member<'a>>>),
    Page(Roles, Box<dyn for<'a> Endpoint<Member<'a>>>),
}

/// How a page says that something was refused or failed; its status is the problem's.
pub type Refusal = fn(&Api, &Problem) -> Document;

struct Typed<F, I, O> {
    handler: F,
    types: std::marker::PhantomData<fn(I) -> O>,
}

impl<C, F, I, O> Endpoint<C> for Typed<F, I, O>
where
    F: AsyncFn(C, I) -> Result<O, Problem> + Send + Sync,
    I: Input,
    O: Output,
{
    fn call<'s>(&'s self, context: C, incoming: Incoming<'s>) -> Answering<'s>
    where
        C: 's,
    {
        Box::pin(async move {
            let handle = async |input| (self.handler)(context, input).await;
            incoming.handle::<I, O>(handle).await?.render()
        })
    }
}

fn describe<I: Input, O: Output>(sketch: &mut Sketch) {
    I::describe(sketch);
    O::describe(sketch);
}

impl Route {
    /// A route that anybody may call: pages, health, documentation.
    pub fn open<F, I, O>(declared: Declared, handler: F) -> Self
    where
        F: for<'a> AsyncFn(Open<'a>, I) -> Result<O, Problem> + Send + Sync + 'static,
        I: Input + 'static,
        O: Output + 'static,
    {
        let handler = Box::new(Typed { handler, types: std::marker::PhantomData });
        Self {
            declared,
            handler: Handler::Open(handler),
            describe: describe::<I, O>,
            streams: I::STREAMS_BODY,
            scope: None,
            once: false,
            refusal: None,
        }
    }

    /// A route for whoever has signed in, be it without an organisation.
    pub fn signed_in<F, I, O>(declared: Declared, handler: F) -> Self
    where
        F: for<'a> AsyncFn(SignedIn<'a>, I) -> Result<O, Problem> + Send + Sync + 'static,
        I: Input + 'static,
        O: Output + 'static,
    {
        let handler = Box::new(Typed { handler, types: std::marker::PhantomData });
        Self {
            declared,
            handler: Handler::SignedIn(handler),
            describe: describe::<I, O>,
            streams: I::STREAMS_BODY,
            scope: None,
            once: false,
            refusal: None,
        }
    }

    /// A route for members with one of `roles`. One that makes something is done once for each
    /// `Idempotency-Key` of its caller, unless it says that it [repeats itself](Self::repeatable).
    pub fn member<F, I, O>(declared: Declared, roles: Roles, handler: F) -> Self
    where
        F: for<'a> AsyncFn(Member<'a>, I) -> Result<O, Problem> + Send + Sync + 'static,
        I: Input + 'static,
        O: Output + 'static,
    {
        let handler = Box::new(Typed { handler, types: std::marker::PhantomData });
        Self {
            declared,
            handler: Handler::Member(roles, handler),
            describe: describe::<I, O>,
            streams: I::STREAMS_BODY,
            scope: None,
            once: O::CREATES && !I::STREAMS_BODY,
            refusal: None,
        }
    }

    /// Asked again, it does the same by nature: no key is needed.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { once: false, ..self }
    }

    /// The same route for people: they are shown what `refusal` makes of a problem that a program
    /// is told.
    #[must_use]
    pub fn shown_as(self, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..self }
    }

    /// Also for programs with this scope.
    #[must_use]
    pub fn for_clients(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// A page for members with one of `roles`, who may also show their token in the cookie
    /// [`SESSION_COOKIE`]; it only looks, because a browser sends the cookie whoever asks. How it
    /// refuses says [`Self::shown_as`].
    pub fn page<F, I, O>(declared: Declared, roles: Roles, handler: F) -> Self
    where
        F: for<'a> AsyncFn(Member<'a>, I) -> Result<O, Problem> + Send + Sync + 'static,
        I: Input + 'static,
        O: Output + 'static,
    {
        let handler = Box::new(Typed { handler, types: std::marker::PhantomData });
        Self {
            declared: Declared { method: Verb::Get, ..declared },
            handler: Handler::Page(roles, handler),
            describe: describe::<I, O>,
            streams: false,
            once: false,
            refusal: None,
            scope: None,
        }
    }

    /// What the route says of itself.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }

    pub(crate) const fn operation(&self) -> Operation {
        Operation::new(self.declared.operation)
    }
}
