DROP TABLE appointment_moves;
