use chrono::{Days, TimeDelta};
use restartix_kernel::{Clock, Limit, PageRequest, ProgramId, Random};
use restartix_tenancy::{Change, Reach};

use super::Case;
use super::case::plan;
use crate::{
    Pause, Plan, Program, ProgramFilter, ProgramStatus, Programs, Revision, WeeklySessions,
};

/// The rules of [`Programs`]; answers the ids of those that it left behind.
pub async fn programs(
    programs: &mut dyn Programs,
    case: &Case,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Vec<ProgramId> {
    let program = case.program(case.patient, 50, clock, random);
    assert!(find(programs, program.id).await.is_none(), "a programme that was not added is there");
    let moved = program.moved(ProgramStatus::Paused, case.now).unwrap();
    assert_eq!(programs.set_status(&moved, case.now).await.unwrap(), Change::Absent);
    assert_eq!(programs.revise(&moved, case.now.date_naive()).await.unwrap(), Change::Absent);
    programs.add(&program).await.unwrap();
    assert_eq!(find(programs, program.id).await.as_ref(), Some(&program), "reads as it was");

    let other = case.program(case.other_patient, 1, clock, random);
    let third = case.program(case.patient, 2, clock, random);
    programs.add(&other).await.unwrap();
    programs.add(&third).await.unwrap();
    within_reach(programs, case, [&program, &other, &third]).await;
    pages_run_by_id(programs).await;
    plans_are_kept_with_their_days(programs, program.clone(), clock, random).await;
    pauses_are_kept_with_their_times(programs, case, other.clone()).await;
    [program, other, third].map(|program| program.id).into()
}

async fn find(programs: &mut dyn Programs, id: ProgramId) -> Option<Program> {
    programs.find(Reach::Organisation, id).await.unwrap()
}

async fn within_reach(
    programs: &mut dyn Programs,
    case: &Case,
    [first, other, third]: [&Program; 3],
) {
    let own = Reach::Own(case.patient);
    let mut mine = [first.id, third.id];
    mine.sort();
    for reach in [own, Reach::TreatedBy(case.specialist)] {
        assert!(programs.find(reach, first.id).await.unwrap().is_some(), "{reach:?}: in reach");
        assert!(programs.find(reach, other.id).await.unwrap().is_none(), "{reach:?}: out of reach");
        let listed = list(programs, reach, &ProgramFilter::default()).await;
        assert_eq!(listed, mine, "{reach:?}: those in reach, by id");
        let asked = [other.id, third.id, first.id, first.id];
        let known = programs.prescriptions(reach, &asked).await.unwrap();
        let ids: Vec<_> = known.iter().map(|known| known.program).collect();
        assert_eq!(ids, mine, "{reach:?}: prescriptions in reach, once, by id");
    }
    let of = |patient, status| ProgramFilter { patient, status };
    let all = Reach::Organisation;
    let his = list(programs, all, &of(Some(case.other_patient), None)).await;
    assert_eq!(his, [other.id], "of one patient");
    assert!(list(programs, own, &of(Some(case.other_patient), None)).await.is_empty());
    assert!(list(programs, all, &of(None, Some(ProgramStatus::Paused))).await.is_empty());
    assert_eq!(list(programs, all, &of(None, Some(ProgramStatus::Active))).await.len(), 3);
    assert!(programs.prescriptions(all, &[]).await.unwrap().is_empty());
}

async fn list(programs: &mut dyn Programs, reach: Reach, filter: &ProgramFilter) -> Vec<ProgramId> {
    let page = programs.list(reach, filter, &PageRequest::default()).await.unwrap();
    page.items.iter().map(|program| program.id).collect()
}

async fn pages_run_by_id(programs: &mut dyn Programs) {
    let filter = ProgramFilter::default();
    let whole = list(programs, Reach::Organisation, &filter).await;
    assert!(whole.len() == 3 && whole.is_sorted(), "all, by id");
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: Limit::new(1).unwrap(), cursor };
        let page = programs.list(Reach::Organisation, &filter, &request).await.unwrap();
        paged.extend(page.items.iter().map(|program| program.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole, "pages of one hold what one page holds");
}

async fn plans_are_kept_with_their_days(
    programs: &mut dyn Programs,
    program: Program,
    clock: &dyn Clock,
    random: &dyn Random,
) {
    let later = program.starts_on.checked_add_days(Days::new(9)).unwrap();
    let sessions_per_week = WeeklySessions::new(21).unwrap();
    let revised = program.revised(Plan { sessions_per_week, ..plan(3, clock, random) }).unwrap();
    assert_eq!(programs.revise(&revised, later).await.unwrap(), Change::Made);
    assert_eq!(find(programs, program.id).await.as_ref(), Some(&revised), "the latest plan");
    let again = programs.revise(&revised, later).await.unwrap();
    assert_eq!(again, Change::Stale, "a revision over another version than the one before");

    let history = programs.history(program.id).await.unwrap();
    let first = Revision {
        version: program.version,
        effective_on: program.starts_on,
        plan: program.plan.clone(),
    };
    let Program { version, plan, .. } = revised.clone();
    let second = Revision { version, effective_on: later, plan };
    assert_eq!(history.revisions, [first, second], "every plan, and since when");
    assert!(history.pauses.is_empty(), "it never rested");

    let known = programs.prescriptions(Reach::Organisation, &[program.id]).await.unwrap();
    let known = known.first().unwrap();
    assert_eq!((known.patient, known.version), (program.patient, revised.version));
    assert_eq!(known.exercises.len(), 53, "those of before are known too");
    let exercises = program.plan.exercises.as_slice().iter();
    let mut asked = exercises.chain(revised.plan.exercises.as_slice());
    assert!(asked.all(|exercise| known.exercises.contains(&exercise.id)));
}

async fn pauses_are_kept_with_their_times(
    programs: &mut dyn Programs,
    case: &Case,
    program: Program,
) {
    let at = |hours| case.now + TimeDelta::hours(hours);
    let mut now = program;
    let steps = [
        (ProgramStatus::Paused, 1),
        (ProgramStatus::Active, 2),
        (ProgramStatus::Paused, 3),
        // A clock that went back.
        (ProgramStatus::Active, 0),
        (ProgramStatus::Paused, 4),
        (ProgramStatus::Ended, 5),
    ];
    for (status, hours) in steps {
        now = now.moved(status, at(hours)).unwrap();
        assert_eq!(programs.set_status(&now, at(hours)).await.unwrap(), Change::Made);
        assert_eq!(find(programs, now.id).await.as_ref(), Some(&now), "where it stands");
        let again = programs.set_status(&now, at(hours)).await.unwrap();
        assert_eq!(again, Change::Stale, "a change over another version than the one before");
    }
    let pauses = programs.history(now.id).await.unwrap().pauses;
    let pause = |from, to| Pause { from: at(from), to: Some(at(to)) };
    assert_eq!(pauses, [pause(1, 2), pause(3, 3), pause(4, 5)], "every rest, the last ended too");
}

/// Run in another organisation: nothing of these is there, whatever is asked.
pub async fn programs_are_unseen(programs: &mut dyn Programs, case: &Case, ids: &[ProgramId]) {
    for id in ids {
        assert!(find(programs, *id).await.is_none(), "another organisation's programme");
        assert_eq!(programs.history(*id).await.unwrap(), Default::default(), "or its history");
    }
    let reaches =
        [Reach::Organisation, Reach::Own(case.patient), Reach::TreatedBy(case.specialist)];
    for reach in reaches {
        assert!(programs.prescriptions(reach, ids).await.unwrap().is_empty(), "{reach:?}");
        assert!(list(programs, reach, &ProgramFilter::default()).await.is_empty(), "{reach:?}");
    }
}
