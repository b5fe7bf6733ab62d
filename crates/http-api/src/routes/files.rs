use restartix_kernel::FileId;
use restartix_storage::Status;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};
use restartix_workflows::FileDraft;

use crate::input::{Body, FilesQuery, IfMatch, PageQuery, PathId, Upload};
use crate::output::HandedOut;
use crate::wire::{
    FileBody, FilePatchBody, FileView, Id, PageView, PartListView, PartsBody, SignBody,
    SignatureListView, SignatureView, UploadView,
};
use crate::{
    AuditClass, Created, Declared, Member, NoContent, Problem, Reply, Roles, Route, Settling, Verb,
};

const READ: AuditClass = AuditClass::Read(ResourceKind::File);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::File);

pub(super) fn routes() -> Vec<Route> {
    let row = |operation, method, path, summary| Declared {
        operation,
        method,
        path,
        summary,
        audit: if matches!(method, Verb::Get) { READ } else { CHANGE },
        rate: if matches!(method, Verb::Get) { RateClass::Read } else { RateClass::Write },
    };
    vec![
        Route::member(
            row(
                "files.list",
                Verb::Get,
                "/v1/files",
                "The files within reach: one's own, of those one treats, or all.",
            ),
            Roles::EVERYBODY,
            list,
        )
        .for_clients(Scope::Files),
        Route::member(
            row(
                "files.announce",
                Verb::Post,
                "/v1/files",
                "Announce a file, and learn where to put its bytes: for 15 minutes, those and no others.",
            ),
            Roles::EVERYBODY,
            announce,
        ),
        Route::member(
            row("files.get", Verb::Get, "/v1/files/{id}", "What is known of a file."),
            Roles::EVERYBODY,
            get,
        )
        .for_clients(Scope::Files),
        Route::member(
            row(
                "files.edit",
                Verb::Patch,
                "/v1/files/{id}",
                "Put a file under a legal hold, or end one.",
            ),
            Roles::ADMINS,
            edit,
        ),
        Route::member(
            row(
                "files.delete",
                Verb::Delete,
                "/v1/files/{id}",
                "Delete a file of one's own; administrators any. Its bytes follow.",
            ),
            Roles::EVERYBODY,
            delete,
        ),
        Route::member(
            row(
                "files.upload",
                Verb::Put,
                "/v1/files/{id}/content",
                "Send the bytes of an announced file through the API.",
            ),
            Roles::EVERYBODY,
            upload,
        ),
        Route::member(
            row(
                "files.parts",
                Verb::Post,
                "/v1/files/{id}/parts",
                "Learn where to put the parts of a file that is too large for one request.",
            ),
            Roles::EVERYBODY,
            parts,
        ),
        Route::member(
            row(
                "files.complete",
                Verb::Post,
                "/v1/files/{id}/complete",
                "Say that the bytes are there: they are looked at. 202 when that takes longer.",
            ),
            Roles::EVERYBODY,
            complete,
        ),
        Route::member(
            row(
                "files.download",
                Verb::Get,
                "/v1/files/{id}/download",
                "A link that is good for a minute; of prescriptions and signatures the bytes.",
            ),
            Roles::EVERYBODY,
            download,
        )
        .for_clients(Scope::Files),
        Route::member(
            row("files.sign", Verb::Post, "/v1/files/{id}/sign", "Sign a document."),
            Roles::EVERYBODY,
            sign,
        ),
        Route::member(
            row(
                "files.signatures",
                Verb::Get,
                "/v1/files/{id}/signatures",
                "The signatures under a document, each verified now.",
            ),
            Roles::EVERYBODY,
            signatures,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    (FilesQuery(filter), PageQuery(page)): (FilesQuery, PageQuery),
) -> Result<Reply<PageView<FileView>>, Problem> {
    let files = member.api.files.list(member.tenant, &filter, &page).await?;
    Ok(Reply(files.into()))
}

async fn announce(
    member: Member<'_>,
    Body(body): Body<FileBody>,
) -> Result<Created<UploadView>, Problem> {
    let draft = FileDraft::try_from(body)?;
    let announced = member.api.files.announce(member.tenant, member.act, &draft).await?;
    Ok(Created(announced.into()))
}

async fn get(member: Member<'_>, PathId(id): PathId<FileId>) -> Result<Reply<FileView>, Problem> {
    let file = member.api.files.find(member.tenant, id).await?;
    Ok(Reply(file.into()))
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<FileId>, IfMatch, Body<FilePatchBody>),
) -> Result<Reply<FileView>, Problem> {
    let Member { api, tenant, act } = member;
    let file = api.files.hold(tenant, act, id, seen, body.legal_hold).await?;
    Ok(Reply(file.into()))
}

async fn delete(member: Member<'_>, PathId(id): PathId<FileId>) -> Result<NoContent, Problem> {
    member.api.files.delete(member.tenant, member.act, id).await?;
    Ok(NoContent)
}

async fn upload(
    member: Member<'_>,
    (PathId(id), upload): (PathId<FileId>, Upload),
) -> Result<Reply<FileView>, Problem> {
    let Member { api, tenant, act } = member;
    let file = api.files.receive(tenant, act, id, upload.into_parts()).await?;
    Ok(Reply(file.into()))
}

async fn parts(
    member: Member<'_>,
    (PathId(id), Body(body)): (PathId<FileId>, Body<PartsBody>),
) -> Result<Reply<PartListView>, Problem> {
    let Member { api, tenant, act } = member;
    let parts = Vec::try_from(body)?;
    let signed = api.files.parts(tenant, act, id, &parts).await?;
    Ok(Reply(signed.into()))
}

async fn complete(
    member: Member<'_>,
    PathId(id): PathId<FileId>,
) -> Result<Settling<FileView>, Problem> {
    let file = member.api.files.complete(member.tenant, member.act, id).await?;
    let under_way = file.status == Status::Scanning;
    Ok(Settling { view: file.into(), under_way })
}

async fn download(member: Member<'_>, PathId(id): PathId<FileId>) -> Result<HandedOut, Problem> {
    let (file, handed) = member.api.files.hand_out(member.tenant, id).await?;
    Ok(HandedOut { file, handed })
}

async fn sign(
    member: Member<'_>,
    (PathId(id), Body(body)): (PathId<FileId>, Body<SignBody>),
) -> Result<Reply<SignatureView>, Problem> {
    let Member { api, tenant, act } = member;
    let Id(picture) = body.signature_file_id;
    let signed = api.files.sign(tenant, act, id, picture).await?;
    Ok(Reply(signed.into()))
}

async fn signatures(
    member: Member<'_>,
    PathId(id): PathId<FileId>,
) -> Result<Reply<SignatureListView>, Problem> {
    let signed = member.api.files.signatures(member.tenant, id).await?;
    Ok(Reply(signed.into()))
}
