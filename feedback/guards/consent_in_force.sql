-- Whether the subject's newest decision about the purpose is a grant that has not expired. No decision is no consent.
-- The newest line holds whatever the clocks say; `at` decides about expiry alone, so that a withdrawal counts from its
-- commit on. The body is parsed when it is created: no search path can redirect it.
CREATE OR REPLACE FUNCTION consent_in_force(subject uuid, purpose text, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN COALESCE(
    (SELECT entry.decision = 'granted' AND (entry.expires_at IS NULL OR entry.expires_at > consent_in_force.at)
     FROM feedback_consententry AS entry
     WHERE entry.subject_id = consent_in_force.subject AND entry.purpose = consent_in_force.purpose
     ORDER BY entry.id DESC LIMIT 1),
    false);
