//! The tables as diesel sees them; `migrations/schema` is the truth, and a test compares.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    organizations (id) {
        id -> BigInt,
        name -> Text,
        timezone -> Text,
        status -> Text,
        lead_minutes -> Integer,
        grace_minutes -> Integer,
        max_open_appointments -> Integer,
        start_on_arrival -> Bool,
        video_region -> Nullable<Text>,
        version -> Integer,
    }
}

table! {
    people (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        display_name -> Text,
        email -> Nullable<Text>,
        timezone -> Text,
        version -> Integer,
    }
}

table! {
    memberships (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        person_id -> Uuid,
        user_id -> Uuid,
        subject -> Text,
        role -> Text,
        version -> Integer,
        ended_at -> Nullable<Timestamptz>,
    }
}

table! {
    care_relations (org_id, specialist_id, patient_id, valid_from) {
        org_id -> BigInt,
        specialist_id -> Uuid,
        patient_id -> Uuid,
        valid_from -> Timestamptz,
        valid_until -> Nullable<Timestamptz>,
    }
}

table! {
    audit_events (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        occurred_at -> Timestamptz,
        actor_kind -> Text,
        actor_id -> Nullable<Uuid>,
        actor_role -> Nullable<Text>,
        operation -> Text,
        resource_kind -> Text,
        resource_id -> Nullable<Text>,
        patient_id -> Nullable<Uuid>,
        outcome -> Text,
        code -> Nullable<Text>,
        request_id -> Nullable<Uuid>,
    }
}

table! {
    kept_answers (org_id, actor_id, operation, key_hash) {
        org_id -> BigInt,
        actor_id -> Uuid,
        operation -> Text,
        key_hash -> Binary,
        sealed -> Nullable<Binary>,
        expires_at -> Timestamptz,
    }
}

table! {
    specialists (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        timezone -> Text,
        active -> Bool,
        last_booked_at -> Nullable<Timestamptz>,
        version -> Integer,
    }
}

table! {
    specialist_weekly_hours (org_id, specialist_id, weekday, start_minute, end_minute) {
        org_id -> BigInt,
        specialist_id -> Uuid,
        weekday -> SmallInt,
        start_minute -> SmallInt,
        end_minute -> SmallInt,
    }
}

table! {
    specialist_date_overrides (org_id, specialist_id, date, start_minute, end_minute) {
        org_id -> BigInt,
        specialist_id -> Uuid,
        date -> Date,
        start_minute -> SmallInt,
        end_minute -> SmallInt,
    }
}

table! {
    specialist_time_off (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        specialist_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
    }
}

table! {
    closures (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        starts_on -> Date,
        ends_on -> Date,
    }
}

table! {
    appointment_types (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        name -> Text,
        duration_minutes -> Integer,
        interval_minutes -> Integer,
        buffer_before_minutes -> Integer,
        buffer_after_minutes -> Integer,
        min_notice_minutes -> Integer,
        horizon_minutes -> Nullable<Integer>,
        max_per_day -> Nullable<Integer>,
        alignment -> Text,
        alignment_step_minutes -> Nullable<Integer>,
        alignment_offset_minutes -> Integer,
        capacity -> Integer,
        reminder_minutes -> Array<Integer>,
        online -> Bool,
        recording -> Bool,
        version -> Integer,
        retired_at -> Nullable<Timestamptz>,
    }
}

table! {
    appointment_sessions (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        appointment_type_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        seats -> Integer,
        seats_taken -> Integer,
    }
}

table! {
    occupancies (org_id, session_id, specialist_id) {
        org_id -> BigInt,
        session_id -> Uuid,
        specialist_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        buffer_before_minutes -> Integer,
        buffer_after_minutes -> Integer,
        blocked -> Tstzrange,
        active -> Bool,
    }
}

table! {
    appointments (org_id, id) {
        org_id -> BigInt,
        id -> BigInt,
        session_id -> Uuid,
        appointment_type_id -> Uuid,
        specialist_id -> Uuid,
        patient_id -> Uuid,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        online -> Bool,
        recording_consent -> Bool,
        status -> Text,
        cancel_reason -> Nullable<Text>,
        version -> Integer,
        reminder_minutes -> Array<Integer>,
        reminder_due_at -> Nullable<Timestamptz>,
    }
}

table! {
    appointment_moves (org_id, appointment_id, version) {
        org_id -> BigInt,
        appointment_id -> BigInt,
        version -> Integer,
        starts_at_before -> Timestamptz,
        starts_at_after -> Timestamptz,
        reason -> Text,
    }
}

table! {
    outbox (org_id, topic, id) {
        org_id -> BigInt,
        topic -> Text,
        id -> Uuid,
        kind -> Text,
        appointment_id -> BigInt,
        version -> Integer,
        occurred_at -> Timestamptz,
        due_at -> Timestamptz,
    }
}

table! {
    video_rooms (org_id, appointment_id) {
        org_id -> BigInt,
        appointment_id -> BigInt,
        name -> Text,
        naming -> Text,
        url -> Text,
        opens_at -> Timestamptz,
        closes_at -> Timestamptz,
        recorded -> Bool,
    }
}

table! {
    join_codes (org_id, code_hash) {
        org_id -> BigInt,
        code_hash -> Binary,
        appointment_id -> BigInt,
        person_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

table! {
    video_notices (org_id, id) {
        org_id -> BigInt,
        id -> Text,
        heard_at -> Timestamptz,
    }
}

table! {
    video_stays (org_id, appointment_id, id) {
        org_id -> BigInt,
        appointment_id -> BigInt,
        id -> Uuid,
        person_id -> Uuid,
        joined_at -> Timestamptz,
        left_at -> Nullable<Timestamptz>,
    }
}

table! {
    api_clients (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        name -> Text,
        scopes -> Array<Text>,
        secret_digest -> Binary,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

table! {
    api_tokens (org_id, digest) {
        org_id -> BigInt,
        digest -> Binary,
        client_id -> Uuid,
        scopes -> Array<Text>,
        expires_at -> Timestamptz,
    }
}

table! {
    webhook_endpoints (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        url -> Text,
        filters -> Array<Text>,
        admits -> Array<Text>,
        state -> Text,
        disabled_reason -> Nullable<Text>,
        version -> Integer,
        failures -> Integer,
        failing_since -> Nullable<Timestamptz>,
        probe_at -> Nullable<Timestamptz>,
        paused_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        header_count -> Integer,
        headers_version -> Nullable<Integer>,
        headers_sealed -> Nullable<Binary>,
        rate_per_minute -> Nullable<Integer>,
        ramp -> Nullable<Integer>,
    }
}

table! {
    webhook_secrets (org_id, endpoint_id, version) {
        org_id -> BigInt,
        endpoint_id -> Uuid,
        version -> Integer,
        sealed -> Binary,
        expires_at -> Nullable<Timestamptz>,
    }
}

table! {
    webhook_counters (org_id) {
        org_id -> BigInt,
        last_seq -> BigInt,
    }
}

table! {
    webhook_outbox (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        occurred_at -> Timestamptz,
        ids -> Array<Uuid>,
        types -> Array<Text>,
        moments -> Array<Timestamptz>,
        data -> Array<Text>,
        only_for -> Nullable<Uuid>,
    }
}

table! {
    webhook_events (org_id, last_seq, kept_at) {
        org_id -> BigInt,
        first_seq -> BigInt,
        last_seq -> BigInt,
        kept_at -> Timestamptz,
    }
}

table! {
    webhook_queue (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        endpoint_id -> Uuid,
        kept_at -> Timestamptz,
        first_seq -> BigInt,
        last_seq -> BigInt,
        attempts -> Integer,
        due_at -> Timestamptz,
        verifies -> Bool,
    }
}

table! {
    webhook_attempts (org_id, delivery_id, id, kept_at) {
        org_id -> BigInt,
        delivery_id -> Uuid,
        id -> Uuid,
        kept_at -> Timestamptz,
        ended_at -> Timestamptz,
        status -> Nullable<Integer>,
        code -> Nullable<Text>,
        duration_ms -> Integer,
        size -> Integer,
    }
}

table! {
    webhook_jobs (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        endpoint_id -> Uuid,
        first_seq -> BigInt,
        last_seq -> BigInt,
        next_seq -> BigInt,
        queued -> BigInt,
        status -> Text,
        due_at -> Timestamptz,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

table! {
    recordings (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        appointment_id -> BigInt,
        state -> Text,
        footage_id -> Nullable<Text>,
        file_id -> Nullable<Uuid>,
        seconds -> Nullable<Integer>,
        requested_by -> Nullable<Uuid>,
        requested_at -> Timestamptz,
        due_at -> Nullable<Timestamptz>,
        version -> Integer,
    }
}

table! {
    files (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        kind -> Text,
        name -> Text,
        content_type -> Text,
        size -> BigInt,
        sha256 -> Binary,
        patient_id -> Nullable<Uuid>,
        appointment_id -> Nullable<BigInt>,
        uploader_id -> Nullable<Uuid>,
        status -> Text,
        refusal -> Nullable<Text>,
        object_version -> Nullable<Text>,
        legal_hold -> Bool,
        created_at -> Timestamptz,
        due_at -> Nullable<Timestamptz>,
        version -> Integer,
        upload -> Nullable<Text>,
    }
}

table! {
    file_signatures (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        document_id -> Uuid,
        document_sha256 -> Binary,
        picture_id -> Uuid,
        signer_id -> Uuid,
        signer_role -> Text,
        signed_at -> Timestamptz,
    }
}

table! {
    telemetry_events (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        kind -> Text,
        #[sql_name = "type"]
        event_type -> Nullable<Text>,
        occurred_at -> Nullable<Timestamptz>,
        subject_kind -> Nullable<Text>,
        subject_id -> Nullable<Uuid>,
        data -> Nullable<Text>,
        batch_id -> Nullable<Uuid>,
    }
}

table! {
    audit_leaves (org_id, seq) {
        org_id -> BigInt,
        seq -> BigInt,
        event_id -> Uuid,
        leaf -> Binary,
    }
}

table! {
    audit_heads (org_id, seq) {
        org_id -> BigInt,
        seq -> BigInt,
        chain -> Binary,
        sealed_at -> Timestamptz,
        key -> Binary,
        signature -> Binary,
    }
}

allow_tables_to_appear_in_same_query!(audit_leaves, audit_events);

allow_tables_to_appear_in_same_query!(occupancies, appointment_sessions);
allow_tables_to_appear_in_same_query!(
    people,
    memberships,
    care_relations,
    specialists,
    appointments,
    files,
);

table! {
    programs (org_id, id) {
        org_id -> BigInt,
        id -> Uuid,
        patient_id -> Uuid,
        starts_on -> Date,
        status -> Text,
        ended_at -> Nullable<Timestamptz>,
        revision -> Integer,
        version -> Integer,
    }
}

table! {
    program_revisions (org_id, program_id, version) {
        org_id -> BigInt,
        program_id -> Uuid,
        version -> Integer,
        effective_on -> Date,
        sessions_per_week -> Integer,
    }
}

table! {
    program_exercises (org_id, program_id, version, position) {
        org_id -> BigInt,
        program_id -> Uuid,
        version -> Integer,
        position -> Integer,
        exercise_id -> Uuid,
        sets -> Integer,
        reps -> Integer,
    }
}

table! {
    program_pauses (org_id, program_id, version) {
        org_id -> BigInt,
        program_id -> Uuid,
        version -> Integer,
        paused_at -> Timestamptz,
        resumed_at -> Nullable<Timestamptz>,
    }
}

table! {
    rehab_events (org_id, patient_id, id) {
        org_id -> BigInt,
        patient_id -> Uuid,
        id -> Uuid,
        program_id -> Uuid,
        #[sql_name = "type"]
        kind -> Text,
        occurred_at -> Timestamptz,
        exercise_id -> Nullable<Uuid>,
        sets -> Nullable<Integer>,
        reps -> Nullable<Integer>,
        pain -> Nullable<Integer>,
        effort -> Nullable<Integer>,
        duration_seconds -> Nullable<Integer>,
        source -> Nullable<Text>,
        instrument -> Nullable<Text>,
        score -> Nullable<Integer>,
    }
}

allow_tables_to_appear_in_same_query!(
    care_relations,
    programs,
    program_revisions,
    program_exercises,
);

allow_tables_to_appear_in_same_query!(appointments, video_stays);
