DROP TABLE webhook_attempts, webhook_deliveries, webhook_events, webhook_counters, webhook_secrets, webhook_endpoints;
DROP FUNCTION webhook_words_only(jsonb);
