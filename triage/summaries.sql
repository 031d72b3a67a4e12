-- One row per incident (of one model, or of all), newest first: the last word that its events have on each column.
SELECT
    incidents.id,
    incidents.model,
    json_extract(received.data, '$.alert.name'),
    received.at,
    (SELECT max(at) FROM events WHERE incident = incidents.id),
    coalesce(json_extract(state.data, '$.state'), 'open'),
    CASE
        WHEN coalesce(json_extract(state.data, '$.state'), 'open') <> 'open' OR latest.kind IS NULL
            THEN coalesce(json_extract(state.data, '$.reason'), '')
        WHEN latest.kind = 'state_changed' THEN coalesce(json_extract(latest.data, '$.reason'), '')
        WHEN latest.kind = 'step_finished' THEN ''
        WHEN coalesce(json_extract(latest.data, '$.statement'), json_extract(latest.data, '$.reason'), '') = '' THEN ''
        ELSE json_extract(latest.data, '$.step') || ': '
            || coalesce(json_extract(latest.data, '$.statement'), json_extract(latest.data, '$.reason'))
    END,
    json_extract(diagnosed.data, '$.diagnosis.causes[0].kind'),
    json_extract(diagnosed.data, '$.diagnosis.causes[0].subject'),
    json_extract(diagnosed.data, '$.diagnosis.causes[0].probability'),
    json_extract(diagnosed.data, '$.diagnosis.drop.kpi'),
    json_extract(diagnosed.data, '$.diagnosis.drop.change')
        / nullif(abs(json_extract(diagnosed.data, '$.diagnosis.drop.healthy')), 0),
    coalesce(json_extract(diagnosed.data, '$.diagnosis.drop.worse'), 0),
    -- `live`, as `Release.under_way` and `Release.serves_nobody` have it
    coalesce(
        json_extract(released.data, '$.release.stage') IN ('shadow', 'canary')
            OR NOT json_extract(released.data, '$.release.reached')
            OR (
                json_extract(released.data, '$.release.stage') NOT IN ('idle', 'withdrawn')
                AND EXISTS (SELECT 1 FROM events WHERE incident = incidents.id AND kind = 'withdrawal_asked')
            ),
        0
    ),
    coalesce((SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'stale_asked'), 0)
        > coalesce((SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'stale_tagged'), 0),
    coalesce(state.at, received.at)
FROM incidents
JOIN events AS received ON received.incident = incidents.id AND received.seq = 1
LEFT JOIN events AS state ON state.incident = incidents.id AND state.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'state_changed'
)
LEFT JOIN events AS latest ON latest.incident = incidents.id AND latest.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id
        AND kind IN ('state_changed', 'step_progressed', 'step_will_retry', 'step_finished')
)
LEFT JOIN events AS diagnosed ON diagnosed.incident = incidents.id AND diagnosed.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'diagnosed'
)
LEFT JOIN events AS released ON released.incident = incidents.id AND released.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'release_changed'
)
WHERE ?1 = '' OR incidents.model = ?1
ORDER BY incidents.rowid DESC
LIMIT ?2
