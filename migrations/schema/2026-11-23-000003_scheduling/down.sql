DROP TABLE appointments, occupancies, appointment_sessions, appointment_types, specialist_weekly_hours, specialists;
