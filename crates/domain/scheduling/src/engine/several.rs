use super::{
    Diary, Query, Rules, availability,
    busy::barred_spans,
    hours::open_spans,
    limit::{drop_full, full_spans},
    query::{offsets_around, whole_days},
    slots::{add_open_sessions, aligned, instants},
    span::{intersect, subtract},
};
use chrono::{DateTime, Utc};

/// A specialist who may take the appointment. `Id` is the caller's word for one.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a, Id> {
    /// Who it is; the last resort of the round robin, the least first.
    pub id: Id,
    /// When they are free.
    pub diary: Diary<'a>,
    /// When they were last booked; `None`, never booked, comes first.
    pub last_booked_at: Option<DateTime<Utc>>,
    /// How many bookings they have; the fewest first among those booked last at the same time.
    pub booked: u64,
}

/// A start, and who offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<Id> {
    /// When the slot starts.
    pub starts_at: DateTime<Utc>,
    /// At least one. Of any: who is free, the next by round robin first. Of all: everybody, as the
    /// caller named them.
    pub specialists: Vec<Id>,
}

/// The starts at which at least one candidate is free, ascending; each with all who are, in the
/// order of the round robin: least recently booked, then fewest bookings, then id.
#[must_use]
pub fn any_of<Id: Copy + Ord>(
    rules: &Rules,
    candidates: &[Candidate<'_, Id>],
    query: Query,
    now: Option<DateTime<Utc>>,
) -> Vec<Offer<Id>> {
    let mut turn: Vec<_> = candidates.iter().collect();
    turn.sort_by_key(|candidate| (candidate.last_booked_at, candidate.booked, candidate.id));
    let mut offered: Vec<(DateTime<Utc>, Id)> = Vec::new();
    for candidate in turn {
        let starts = availability(rules, &candidate.diary, query, now);
        offered.extend(starts.into_iter().map(|start| (start, candidate.id)));
    }
    // Stable: those who share a start stay in their turn.
    offered.sort_by_key(|(start, _)| *start);
    offered
        .chunk_by(|one, next| one.0 == next.0)
        .filter_map(|same| {
            let specialists = same.iter().map(|(_, id)| *id).collect();
            same.first().map(|(start, _)| Offer { starts_at: *start, specialists })
        })
        .collect()
}

/// The starts at which every candidate is free, ascending. Free time is intersected first and
/// aligned afterwards, in the zone of the first candidate unless the alignment names one; the query
/// is widened to that candidate's whole local dates. Nobody asked: nothing offered.
#[must_use]
pub fn all_of<Id: Copy>(
    rules: &Rules,
    candidates: &[Candidate<'_, Id>],
    query: Query,
    now: Option<DateTime<Utc>>,
) -> Vec<Offer<Id>> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let home = first.diary.calendar;
    let asked = query.span();
    let home_offsets = offsets_around(home.zone, asked);
    let range = whole_days(asked, &home_offsets);
    let (mut free, mut open, mut full) = (vec![range], vec![range], Vec::new());
    for Candidate { diary, .. } in candidates {
        let own = offsets_around(diary.calendar.zone, range);
        let hours = open_spans(diary.calendar, &own, range);
        let barred = barred_spans(diary.busy, rules, range);
        free = intersect(&free, &subtract(&hours, &barred));
        open = intersect(&open, &hours);
        full.push(full_spans(diary.busy, rules, &own, range));
    }
    let mut starts = aligned(rules, &free, range, (home, &home_offsets), now);
    for full in &full {
        drop_full(&mut starts, full);
    }
    let shared: Vec<_> = first
        .diary
        .open_sessions
        .iter()
        .filter(|start| candidates.iter().all(|one| one.diary.open_sessions.contains(start)))
        .copied()
        .collect();
    add_open_sessions(&mut starts, rules, &shared, &open, now);
    let everybody: Vec<_> = candidates.iter().map(|candidate| candidate.id).collect();
    instants(&starts, asked, rules)
        .into_iter()
        .map(|starts_at| Offer { starts_at, specialists: everybody.clone() })
        .collect()
}
