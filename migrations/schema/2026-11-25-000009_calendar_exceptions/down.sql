DROP TABLE closures, specialist_time_off, specialist_date_overrides;
