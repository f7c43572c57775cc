-- One lane a subject, one source a subject, by foreign key: an interaction cannot say otherwise.
ALTER TABLE feedback_interaction
    DROP CONSTRAINT IF EXISTS interaction_is_in_its_subjects_lane,
    ADD CONSTRAINT interaction_is_in_its_subjects_lane
        FOREIGN KEY (subject_id, lane, source_id) REFERENCES feedback_subject (id, lane, source_id);
