//! The tables of insights, as diesel knows them.

use diesel::{allow_tables_to_appear_in_same_query, table};

use crate::schema::care_relations;

table! {
    insight_marks (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        patient_id -> Uuid,
        since -> Date,
        due_at -> Timestamptz,
    }
}

table! {
    insight_weeks (org_id, week, patient_id) {
        org_id -> BigInt,
        patient_id -> Uuid,
        week -> Date,
        definition -> Integer,
        prescribed -> Integer,
        done -> Integer,
        credited -> Integer,
        overdone -> Integer,
        exercises_prescribed -> Integer,
        exercises_credited -> Integer,
        asked_days -> SmallInt,
        active_days -> SmallInt,
        exercises -> Integer,
        confirmed -> Integer,
        in_progress -> Integer,
        completed -> Integer,
        cancelled -> Integer,
        no_show -> Integer,
        video_seconds -> Integer,
    }
}

table! {
    insight_course_weeks (org_id, program_id, week) {
        org_id -> BigInt,
        patient_id -> Uuid,
        program_id -> Uuid,
        week -> Date,
        definition -> Integer,
        prescribed -> Integer,
        done -> Integer,
        credited -> Integer,
        overdone -> Integer,
        exercises_prescribed -> Integer,
        exercises_credited -> Integer,
        asked_days -> SmallInt,
    }
}

table! {
    insight_outcomes (org_id, month, instrument, patient_id) {
        org_id -> BigInt,
        patient_id -> Uuid,
        month -> Date,
        instrument -> Text,
        definition -> Integer,
        baseline -> Integer,
        latest -> Integer,
    }
}

allow_tables_to_appear_in_same_query!(care_relations, insight_weeks);
allow_tables_to_appear_in_same_query!(care_relations, insight_outcomes);
