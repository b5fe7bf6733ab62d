//! Keys and indexes: a foreign key is above row-level security, and so is a unique one.

use super::CatalogueProbe;

pub(super) fn probes() -> Vec<CatalogueProbe> {
    vec![
        CatalogueProbe::new(
            "KEY-01",
            "every primary key begins with the organisation",
            "PRIMARY KEY (org_id, ...)",
            "SELECT b.relname, CASE WHEN NOT EXISTS (
               SELECT FROM pg_index i WHERE i.indrelid = b.oid AND i.indisprimary AND i.indkey[0] = b.org_attnum)
               THEN 'has no primary key that begins with it' END
             FROM bound b ORDER BY 1",
            &[
                ("a primary key without it", "ALTER TABLE public.audit_events DROP CONSTRAINT audit_events_pkey, ADD PRIMARY KEY (id)"),
                ("no primary key", "ALTER TABLE public.audit_events DROP CONSTRAINT audit_events_pkey"),
            ],
        ),
        CatalogueProbe::new(
            "KEY-02",
            "every unique and exclusion constraint is within one organisation",
            "UNIQUE (org_id, ...): else a refusal tells of another clinic's row",
            "SELECT x.relname, CASE WHEN b.org_attnum <> ALL (i.indkey::int2[]) THEN 'spans organisations' END
             FROM bound b JOIN pg_index i ON i.indrelid = b.oid JOIN pg_class x ON x.oid = i.indexrelid
             WHERE i.indisunique OR i.indisexclusion ORDER BY 1",
            &[
                ("a unique index across clinics", "CREATE UNIQUE INDEX stray ON public.people (email)"),
                (
                    "an exclusion across clinics",
                    "ALTER TABLE public.people ADD CONSTRAINT stray EXCLUDE USING btree (email WITH =)",
                ),
            ],
        ),
        CatalogueProbe::new(
            "KEY-03",
            "every foreign key between tables of organisations carries the organisation",
            "FOREIGN KEY (org_id, ...) REFERENCES ... (org_id, ...): foreign keys bypass row-level security",
            "SELECT k.conname, CASE WHEN NOT EXISTS (
               SELECT FROM generate_subscripts(k.conkey, 1) i
               WHERE k.conkey[i] = a.org_attnum AND k.confkey[i] = b.org_attnum) THEN 'does not carry it' END
             FROM pg_constraint k JOIN bound a ON a.oid = k.conrelid JOIN bound b ON b.oid = k.confrelid
             WHERE k.contype = 'f' ORDER BY 1",
            &[(
                "a reference to anybody's row",
                "CREATE UNIQUE INDEX stray ON public.people (id);
                 ALTER TABLE public.memberships ADD CONSTRAINT stray FOREIGN KEY (person_id) REFERENCES public.people (id)",
            )],
        ),
        CatalogueProbe::new(
            "KEY-04",
            "what is alone referenced without an organisation is users and organisations",
            "Only `users` and `organizations` may be referenced alone",
            "SELECT k.conname, CASE WHEN b.relname NOT IN ('users', 'organizations') AND b.class IS DISTINCT FROM 'tenant'
               THEN 'references ' || b.relname END
             FROM pg_constraint k JOIN bound a ON a.oid = k.conrelid JOIN t b ON b.oid = k.confrelid
             WHERE k.contype = 'f' ORDER BY 1",
            &[(
                "a reference to a table of the platform",
                "CREATE TABLE public.plans (id uuid PRIMARY KEY); COMMENT ON TABLE public.plans IS 'shared_readonly';
                 ALTER TABLE public.people ADD plan uuid REFERENCES public.plans (id)",
            )],
        ),
        CatalogueProbe::new(
            "KEY-05",
            "every table of organisations has an index that begins with the organisation",
            "The primary key (org_id, ...) is one",
            "SELECT b.relname, CASE WHEN NOT EXISTS (SELECT FROM pg_index i
               WHERE i.indrelid = b.oid AND i.indkey[0] = b.org_attnum AND i.indpred IS NULL AND i.indisvalid)
               THEN 'has none' END
             FROM bound b ORDER BY 1",
            &[("a table without one", "ALTER TABLE public.audit_events DROP CONSTRAINT audit_events_pkey; DO $$ DECLARE i regclass; BEGIN FOR i IN SELECT indexrelid FROM pg_index WHERE indrelid = 'public.audit_events'::regclass LOOP EXECUTE format('DROP INDEX %s', i); END LOOP; END $$")],
        ),
        CatalogueProbe::new(
            "KEY-06",
            "index keys compare by leakproof operators: others lose their index under row-level security",
            "text + CHECK instead of an enum, two timestamps instead of a range",
            "SELECT x.relname, (SELECT 'compares by ' || min(f.proname) FROM unnest(i.indclass::oid[]) oc
                 JOIN pg_opclass k ON k.oid = oc
                 JOIN pg_amop ao ON ao.amopfamily = k.opcfamily AND ao.amoplefttype = k.opcintype AND ao.amoprighttype = k.opcintype
                 JOIN pg_operator op ON op.oid = ao.amopopr JOIN pg_proc f ON f.oid = op.oprcode WHERE NOT f.proleakproof)
             FROM bound b JOIN pg_index i ON i.indrelid = b.oid JOIN pg_class x ON x.oid = i.indexrelid
             WHERE NOT i.indisexclusion ORDER BY 1",
            &[(
                "an index over an enum",
                "CREATE TYPE public.mood AS ENUM ('good', 'bad'); ALTER TABLE public.people ADD mood public.mood;
                 CREATE INDEX stray ON public.people (org_id, mood)",
            )],
        ),
    ]
}
