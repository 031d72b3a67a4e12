-- One row per incident (of one model, or of all), newest first: the last word that its events have on each column.
SELECT
    incidents.id,
    incidents.model,
    json_extract(received.data, '$.alert.name'),
    received.at,
    (SELECT max(at) FROM events WHERE incident = incidents.id),
    coalesce(json_extract(state.data, '$.state'), 'open'),
    coalesce(json_extract(state.data, '$.reason'), ''),
    json_extract(diagnosed.data, '$.diagnosis.causes[0].kind'),
    json_extract(diagnosed.data, '$.diagnosis.causes[0].subject'),
    json_extract(diagnosed.data, '$.diagnosis.causes[0].probability'),
    json_extract(diagnosed.data, '$.diagnosis.drop.kpi'),
    json_extract(diagnosed.data, '$.diagnosis.drop.change')
        / nullif(abs(json_extract(diagnosed.data, '$.diagnosis.drop.healthy')), 0),
    coalesce(json_extract(diagnosed.data, '$.diagnosis.drop.worse'), 0)
FROM incidents
JOIN events AS received ON received.incident = incidents.id AND received.seq = 1
LEFT JOIN events AS state ON state.incident = incidents.id AND state.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'state_changed'
)
LEFT JOIN events AS diagnosed ON diagnosed.incident = incidents.id AND diagnosed.seq = (
    SELECT max(seq) FROM events WHERE incident = incidents.id AND kind = 'diagnosed'
)
WHERE ?1 = '' OR incidents.model = ?1
ORDER BY incidents.rowid DESC
LIMIT ?2
