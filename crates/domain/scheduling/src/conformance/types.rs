use restartix_kernel::{AppointmentTypeId, Clock, Limit, PageRequest, Random};
use restartix_tenancy::{Change, Version};

use super::Case;
use crate::{AppointmentType, AppointmentTypes, Capacity, Reminders, TypeName};

/// The rules of [`AppointmentTypes`].
pub async fn appointment_types(
    types: &mut dyn AppointmentTypes,
    case: &Case,
    clock: &dyn Clock,
    random: &dyn Random,
) {
    assert_eq!(types.find(case.kind.id).await.unwrap().as_ref(), Some(&case.kind), "as it was put");
    let kind = AppointmentType {
        id: AppointmentTypeId::fresh(clock, random),
        name: TypeName::new("Control").unwrap(),
        version: Version::FIRST,
        ..case.kind.clone()
    };
    assert!(types.find(kind.id).await.unwrap().is_none(), "a type that was not added is there");
    assert_eq!(types.update(&kind, None).await.unwrap(), Change::Absent, "nothing to change");
    types.add(&kind).await.unwrap();
    assert_eq!(types.find(kind.id).await.unwrap().as_ref(), Some(&kind), "a type reads as it was");

    let changed = AppointmentType {
        name: TypeName::new("Control la distanță").unwrap(),
        capacity: Capacity::new(12).unwrap(),
        reminders: Reminders::new(&[15, 2880]).unwrap(),
        online: !kind.online,
        version: kind.version.next(),
        ..kind.clone()
    };
    let stale = types.update(&changed, Some(kind.version.next())).await.unwrap();
    assert_eq!(stale, Change::Stale, "a change over a version that is not kept");
    assert_eq!(types.find(kind.id).await.unwrap().as_ref(), Some(&kind), "a stale change is none");
    let made = types.update(&changed, Some(kind.version)).await.unwrap();
    assert_eq!(made, Change::Made, "a change over the version seen");
    assert_eq!(types.find(kind.id).await.unwrap().as_ref(), Some(&changed), "a change is kept");
    let again = AppointmentType { version: changed.version.next(), ..changed };
    assert_eq!(types.update(&again, None).await.unwrap(), Change::Made, "no version asked for");

    pages_run_by_id(types).await;

    assert_eq!(types.retire(kind.id).await.unwrap(), Change::Made);
    assert!(types.find(kind.id).await.unwrap().is_none(), "a retired type is on offer");
    let listed = types.list(&PageRequest::default()).await.unwrap().items;
    assert!(listed.iter().all(|listed| listed.id != kind.id), "a retired type is listed");
    assert_eq!(types.retire(kind.id).await.unwrap(), Change::Absent, "retired twice");
    let revived = types.update(&again, None).await.unwrap();
    assert_eq!(revived, Change::Absent, "a retired type was changed");
}

async fn pages_run_by_id(types: &mut dyn AppointmentTypes) {
    let whole = types.list(&PageRequest::default()).await.unwrap();
    let ids: Vec<_> = whole.items.iter().map(|kind| kind.id).collect();
    assert!(ids.len() >= 2 && ids.is_sorted() && whole.next_cursor.is_none(), "all, by id");
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: Limit::new(1).unwrap(), cursor };
        let page = types.list(&request).await.unwrap();
        paged.extend(page.items.iter().map(|kind| kind.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, ids, "pages of one hold what one page holds");
}

/// Run in another organisation: nothing of the case's is there, whatever is asked.
pub async fn appointment_types_are_unseen(types: &mut dyn AppointmentTypes, case: &Case) {
    assert!(types.find(case.kind.id).await.unwrap().is_none(), "another organisation's type");
    assert!(types.list(&PageRequest::default()).await.unwrap().items.is_empty());
    assert_eq!(types.update(&case.kind, None).await.unwrap(), Change::Absent);
    assert_eq!(types.retire(case.kind.id).await.unwrap(), Change::Absent);
}
