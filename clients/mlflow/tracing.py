"""Traces, spans and assessments, asked of any server by plain HTTP: OTLP in both encodings, versions 2 and 3."""

import gzip
import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from genai import v3

BEGAN = 1_700_000_000_000


def info(exp, trace, **more):
    """A trace as version 3 tells it."""
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": exp}}
    return {"trace": {"trace_info": {"trace_id": trace, "trace_location": location, "request_time": "2023-11-14T22:13:20.123Z", "state": "OK", **more}}}


def spans(trace, *told, at=BEGAN, **resource):
    """An OTLP request in JSON; a span is an id, a parent, a name, milliseconds it took, attributes."""
    def any_value(value):
        sort = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
        return {sort: str(value) if sort == "intValue" else value}

    def attributes(values):
        return [{"key": key, "value": any_value(value)} for key, value in values.items()]

    return {"resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"spans": [
        {
            "traceId": trace, "spanId": id_, "name": name, "startTimeUnixNano": str(at * 10**6), "endTimeUnixNano": str((at + ms) * 10**6),
            "status": {"code": 2, "message": "it broke"} if values.get("broken") else {"code": 1}, "attributes": attributes(values),
            "events": [{"timeUnixNano": str(BEGAN * 10**6 + 5), "name": "exception", "attributes": attributes({"exception.message": "it broke"})}] if values.get("broken") else [],
            **({"parentSpanId": parent} if parent else {}),
        } for id_, parent, name, ms, values in told
    ]}]}]}


def export(side, label, exp, body, protobuf=False, pack=False, **headers):
    """POST /v1/traces; notes the status and, where it went well, that all was taken."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    media = "application/x-protobuf" if protobuf else "application/json"
    if pack:
        data, headers["content-encoding"] = gzip.compress(data), "gzip"
    if exp is not None:
        headers["x-mlflow-experiment-id"] = exp
    status, _, _ = side.send("POST", "/v1/traces", data, {"content-type": media, **headers})
    side.note(label, status)


def whole(side, label, trace):
    """A trace with its spans, without the location of its files."""
    told = side.ask(label, "GET", "/api/3.0/mlflow/traces/get", query={"trace_id": trace}, note=False)
    told = told.get("trace", told)
    for span in told.get("spans", []):
        for attribute in span.get("attributes", []):
            if attribute["key"] == "mlflow.traceRequestId":
                attribute["value"] = "<the trace's>"
        # OpenTelemetry gives attributes no order.
        span.get("attributes", []).sort(key=lambda it: it["key"])
    side.note(label, told)
    return told


def found(side, exp, text, order=None, **more):
    """The traces a search finds, by the end of their identifiers."""
    body = {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": exp}}], "filter": text, "order_by": order or [], **more}
    told = side.ask(text, "POST", "/api/3.0/mlflow/traces/search", body, note=False)
    side.note(f"search {text} {order}", [it["trace_id"][-2:] for it in told.get("traces", [])] if "error_code" not in told else told["error_code"])
    return told


def told(side):
    """Traces that are told whole, in parts, in any order; changed and taken away."""
    exp = side.post("experiments/create", name="traced")["experiment_id"]
    one, two, three = (f"{number:032x}" for number in (0xa1, 0xa2, 0xa3))
    v3(side, "POST", "traces", info(exp, f"tr-{one}", tags={"mlflow.traceName": "first", "a": "1"}, trace_metadata={"m": "x", "mlflow.trace.session": "talk"}, execution_duration="1.5s", request_preview="asked", client_request_id="c-1"))
    export(side, "spans of a trace that was told", exp, spans(one, ("00000000000000b1", None, "root", 20, {"mlflow.spanInputs": '{"q": 1}', "mlflow.spanType": "CHAIN"}), ("00000000000000b2", "00000000000000b1", "call", 10, {"mlflow.spanType": "LLM", "model": "gpt-x", "n": 3, "f": 0.5, "yes": True}), at=BEGAN + 123 + 1480))
    whole(side, "the trace then", f"tr-{one}")
    export(side, "spans alone", exp, spans(two, ("00000000000000b3", None, "alone", 30, {"mlflow.spanInputs": '{"messages": [{"role": "user", "content": "hello"}]}', "mlflow.spanOutputs": '"bye"', "broken": True, "session.id": "other"}), **{"service.name": "shop", "telemetry.sdk.name": "x"}), pack=True)
    whole(side, "a trace of spans alone", f"tr-{two}")
    export(side, "a part of a trace", exp, spans(three, ("00000000000000b5", "00000000000000b4", "part", 40, {"mlflow.chat.tokenUsage": '{"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}'})))
    v3(side, "GET", f"traces/tr-{three}")
    packed = ExportTraceServiceRequest()
    span = packed.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes.fromhex(three), span_id=bytes.fromhex("00000000000000b4"), name="top", start_time_unix_nano=BEGAN * 10**6, end_time_unix_nano=(BEGAN + 60) * 10**6)
    span.attributes.add(key="list").value.array_value.values.add().string_value = "x"
    export(side, "the rest of it, in protobuf", exp, packed.SerializeToString(), protobuf=True)
    whole(side, "the whole of it", f"tr-{three}")
    v3(side, "POST", "traces", info(exp, f"tr-{three}", tags={"mlflow.traceName": "third"}, state="ERROR"))
    v3(side, "GET", f"traces/tr-{three}")
    refused(side, exp, one)
    changed(side, exp, one)
    side.ask("batchGet", "GET", "/api/3.0/mlflow/traces/batchGet", query={"trace_ids": ["tr-none"]})
    v3(side, "POST", "traces/batchGetInfos", {"trace_ids": [f"tr-{three}", "tr-none", f"tr-{one}"]})
    second_version(side, exp)
    gone(side, exp, one)


def refused(side, exp, one):
    """What is no trace."""
    v3(side, "POST", "traces", {})
    v3(side, "POST", "traces", info("987654321", "tr-" + "0" * 32))
    v3(side, "GET", "traces/tr-none")
    v3(side, "GET", "traces/get", trace_id="tr-none")
    export(side, "no experiment", None, spans(one))
    export(side, "no such experiment", "987654321", spans("ab" * 16, ("00000000000000b1", None, "x", 1, {})))
    export(side, "nothing", exp, {})
    export(side, "no protobuf", exp, b"\xff\xff\xff", protobuf=True)
    export(side, "no JSON", exp, b"{", protobuf=False)
    export(side, "an odd encoding", exp, b"{}", **{"content-encoding": "br"})
    status, _, _ = side.send("POST", "/v1/traces", b"{}", {"content-type": "text/plain", "x-mlflow-experiment-id": exp})
    side.note("text is no trace", status)


def changed(side, exp, one):
    """Tags, links and what is said of a trace."""
    trace = f"tr-{one}"
    for ask in ({"key": "b", "value": "2"}, {"key": "mlflow.traceName", "value": "renamed"}, {"key": "mlflow.trace.spansLocation", "value": "x"}, {"value": "x"}, {"key": "long", "value": "é" * 9000}):
        v3(side, "PATCH", f"traces/{trace}/tags", ask)
    v3(side, "DELETE", f"traces/{trace}/tags", {"key": "long"})
    v3(side, "DELETE", f"traces/{trace}/tags", {"key": "none"})
    run = side.post("runs/create", experiment_id=exp, run_name="traced", start_time=BEGAN)["run"]["info"]["run_id"]
    side.post("traces/link-to-run", trace_ids=[trace, "tr-none"], run_id=run)
    side.post("traces/link-prompts", trace_id=trace, prompt_versions=[{"name": "p", "version": "1"}])
    human = {"source_type": "HUMAN", "source_id": "ada"}
    at = f"traces/{trace}/assessments"

    def say(name, **more):
        return v3(side, "POST", at, {"assessment": {"assessment_name": name, "source": human, "create_time": "2024-01-01T00:00:00Z", "last_update_time": "2024-01-01T00:00:00Z", **more}}).get("assessment", {}).get("assessment_id")

    good = say("good", feedback={"value": True}, rationale="it is", metadata={"k": "v"})
    say("score", feedback={"value": 0.5}, source={"source_type": "LLM_JUDGE", "source_id": "judge"})
    say("broken", feedback={"error": {"error_code": "E", "error_message": "it fell"}})
    wanted = say("wanted", expectation={"value": "yes"})
    say("list", expectation={"serialized_value": {"serialization_format": "JSON_FORMAT", "value": "[1, 2]"}})
    say("list", expectation={"serialized_value": {"serialization_format": "XML", "value": "<a/>"}})
    say("nothing")
    better = say("good", feedback={"value": False}, overrides=good)
    say("good", feedback={"value": False}, overrides="a-none")
    v3(side, "GET", f"{at}/{good}")
    v3(side, "GET", f"{at}/a-none")
    v3(side, "PATCH", f"{at}/{wanted}", {"assessment": {"expectation": {"value": "no"}, "assessment_name": "wished"}, "update_mask": "expectation,assessmentName"})
    v3(side, "PATCH", f"{at}/{wanted}", {"assessment": {"feedback": {"value": 1}}, "update_mask": "feedback"})
    v3(side, "PATCH", f"{at}/{better}", {"assessment": {"rationale": "why not", "metadata": {"x": "y"}}, "update_mask": "rationale,metadata"})
    v3(side, "PATCH", f"{at}/a-none", {"assessment": {"rationale": "x"}, "update_mask": "rationale"})
    v3(side, "DELETE", f"{at}/{better}")
    v3(side, "DELETE", f"{at}/{better}")
    v3(side, "GET", f"{at}/{good}")
    for text in (f"run_id = '{run}'", 'prompt = "p/1"'):
        side.note("linked", len(side.ask(text, "POST", "/api/3.0/mlflow/traces/search", {"locations": [{"mlflow_experiment": {"experiment_id": exp}}], "filter": text}, note=False).get("traces", [])))


def second_version(side, exp):
    """What older clients ask."""
    made = side.post("traces", experiment_id=exp, timestamp_ms=BEGAN, request_metadata=[{"key": "m", "value": "1"}], tags=[{"key": "mlflow.traceName", "value": "old"}])
    trace = made["trace_info"]["request_id"]
    side.call("old", trace)
    side.ask("end", "PATCH", f"traces/{trace}", {"timestamp_ms": BEGAN + 250, "status": "OK", "request_metadata": [{"key": "m2", "value": "2"}], "tags": [{"key": "t", "value": "3"}]})
    side.ask("info", "GET", f"traces/{trace}/info")
    side.ask("none", "GET", "traces/none/info")
    side.get("traces", experiment_ids=[exp], filter="name = 'old'", max_results=5)
    side.ask("no experiments", "GET", "traces")


def gone(side, exp, one):
    """Traces that are deleted."""
    for ask in ({}, {"max_timestamp_millis": 1, "request_ids": ["a"]}, {"request_ids": ["a"], "max_traces": 1}, {"max_timestamp_millis": 1, "max_traces": 0}, {"request_ids": [f"tr-{one}", "tr-none"]}, {"max_timestamp_millis": 1}):
        side.post("traces/delete-traces", experiment_id=exp, **ask)
    v3(side, "GET", f"traces/tr-{one}")


FILTERS = [
    "", "trace.status = 'ERROR'", "status != 'OK'", "timestamp_ms > 1700000002000", "timestamp >= 1700000002000 AND timestamp_ms < 1700000004000", "execution_time_ms < 30", "end_time_ms > 1700000004000",
    "name = 'n1'", "name LIKE 'n%'", "name ILIKE 'N3'", "trace.name RLIKE '^n[34]$'", "tags.odd = '1'", "tag.odd != '1'", "tags.late IS NULL", "tags.late IS NOT NULL", "tags.`late` LIKE 'it%'", "metadata.m = 'x2'", "request_metadata.m LIKE 'x%'",
    "metadata.none IS NULL", "client_request_id = 'c3'", "request_id IN ('tr-000000000000000000000000000000c1')", "span.name = 'call 2'", "span.type = 'LLM' AND span.status = 'ERROR'", "span.type = 'CHAIN' AND span.status = 'ERROR'", "span.name LIKE 'call%'", "span.type IN ('TOOL', 'CHAIN')",
    "span.content LIKE '%größe 3%'", "trace.text ILIKE '%GPT-4%'", "span.attributes.model LIKE '%gpt-2%'", "span.attributes.model ILIKE '%GPT-1%'",
    "feedback.good = 'true'", "feedback.score > 0.3", "feedback.score <= 0.2", "feedback.good = 'yes'", "expectation.wanted = 'yes'", "feedback.good IS NULL", "feedback.good IS NOT NULL", "feedback.good != 'true'",
    "nothing = 'a'", "status > 'a'", "trace.text = 'a'", "span.other = 'a'", "odd.a = 'b'", "prompt = 'a'", "issue.other = 'a'", "tags.a >", "status = 'OK' OR status = 'ERROR'",
]
ORDERS = [["timestamp_ms ASC"], ["execution_time DESC"], ["status"], ["tags.late DESC"], ["name DESC", "timestamp"], ["metadata.m"], ["nothing"], ["run_id"]]


def searched(side):
    """What is in a trace finds it, in any order and by pages."""
    exp = side.post("experiments/create", name="searched traces")["experiment_id"]
    for i in range(1, 6):
        trace = f"{0xc0 + i:032x}"
        tags = {"mlflow.traceName": f"n{i}", "odd": str(i % 2), **({"late": f"it's {i}"} if i > 3 else {})}
        metadata = {"m": f"x{i}"} if i != 3 else {}
        if i < 3:
            metadata["mlflow.trace.session"] = "s"
        side.ask("", "POST", "/api/3.0/mlflow/traces", info(exp, f"tr-{trace}", tags=tags, trace_metadata=metadata, state="ERROR" if i == 4 else "OK", request_time=f"2023-11-14T22:13:{20 + i}Z", client_request_id=f"c{i}", execution_duration=f"0.0{6 - i}0s"), note=False)
        export(side, "", exp, spans(trace, (f"{i:016x}", None, "root", 10 * (6 - i), {"mlflow.spanType": "CHAIN", "mlflow.spanInputs": f"größe {i}"}), (f"{i + 16:016x}", f"{i:016x}", f"call {i}", 5, {"mlflow.spanType": "LLM", "model": f"gpt-{i}", **({"broken": True} if i == 2 else {})}), at=BEGAN + 1000 * i))
    for i, assessment in enumerate(({"assessment_name": "good", "feedback": {"value": True}, "metadata": {"mlflow.trace.session": "s"}}, {"assessment_name": "score", "feedback": {"value": 0.25}}, {"assessment_name": "good", "feedback": {"value": "yes"}}, {"assessment_name": "score", "feedback": {"value": 0.1}}, {"assessment_name": "wanted", "expectation": {"value": "yes"}}), 1):
        side.ask("", "POST", f"/api/3.0/mlflow/traces/tr-{0xc0 + i:032x}/assessments", {"assessment": {"source": {"source_type": "CODE"}, **assessment}}, note=False)
    for text in FILTERS:
        found(side, exp, text)
    for order in ORDERS:
        found(side, exp, "", order)
    first = found(side, exp, "", max_results=2)
    rest = found(side, exp, "", max_results=4, page_token=first["next_page_token"])
    side.note("the last page has no token", "next_page_token" in rest)
    found(side, exp, "", max_results=501)
    found(side, exp, "", max_results=0)
    found(side, "987654321", "")
    v3(side, "POST", "traces/search", {})
    for pair in (("tags.odd = '1'", "status = 'OK'"), ("tags.odd = '1'", "status = 'ERROR'"), ("tags.odd = '7'", "status = 'OK'")):
        told = v3(side, "POST", "traces/calculate-filter-correlation", {"experiment_ids": [exp], "filter_string1": pair[0], "filter_string2": pair[1]})
        side.note("a correlation", {key: round(float(value), 9) for key, value in told.items()})
    v3(side, "POST", "traces/calculate-filter-correlation", {"experiment_ids": [exp], "filter_string1": "a"})


COUNT, SUM = [{"aggregation_type": "COUNT"}], [{"aggregation_type": "SUM"}]
TIMES = [{"aggregation_type": "AVG"}, {"aggregation_type": "MIN"}, {"aggregation_type": "MAX"}, {"aggregation_type": "PERCENTILE", "percentile_value": 50}, {"aggregation_type": "PERCENTILE", "percentile_value": 90.5}]
FIGURES = [
    ("TRACES", "trace_count", COUNT, {"dimensions": ["trace_status"]}), ("TRACES", "trace_count", COUNT, {"dimensions": ["trace_name", "trace_status"]}), ("TRACES", "trace_count", COUNT, {}),
    ("TRACES", "trace_count", COUNT, {"filters": ["trace.status = 'ERROR'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["trace.tag.odd = '1'", "trace.status = 'OK'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["trace.metadata.m = 'x2'"]}),
    ("TRACES", "trace_count", COUNT, {"time_interval_seconds": 2, "start_time_ms": BEGAN, "end_time_ms": BEGAN + 10_000}), ("TRACES", "trace_count", COUNT, {"start_time_ms": BEGAN + 2_000, "end_time_ms": BEGAN + 4_000}), ("TRACES", "trace_count", COUNT, {"max_results": 1, "dimensions": ["trace_name"]}),
    ("TRACES", "session_count", COUNT, {}), ("TRACES", "latency", TIMES, {}), ("TRACES", "latency", TIMES, {"dimensions": ["trace_name"]}), ("TRACES", "latency", TIMES, {"time_interval_seconds": 3, "start_time_ms": 0, "end_time_ms": BEGAN + 10_000}),
    ("TRACES", "total_tokens", [*SUM, *TIMES], {}), ("TRACES", "input_tokens", SUM, {"dimensions": ["trace_name"]}), ("TRACES", "cache_read_input_tokens", SUM, {}),
    ("SPANS", "span_count", COUNT, {"dimensions": ["span_type"]}), ("SPANS", "span_count", COUNT, {"dimensions": ["span_status", "span_name"]}), ("SPANS", "span_count", COUNT, {"filters": ["span.type = 'LLM'"], "dimensions": ["span_model_name"]}),
    ("SPANS", "span_count", COUNT, {"filters": ["span.name = 'root'", "trace.status = 'OK'"]}), ("SPANS", "span_count", COUNT, {"time_interval_seconds": 2, "start_time_ms": BEGAN, "end_time_ms": BEGAN + 10_000}),
    ("SPANS", "latency", TIMES, {"dimensions": ["span_status"]}), ("SPANS", "total_cost", SUM, {"dimensions": ["span_model_name", "span_model_provider"]}), ("SPANS", "input_cost", TIMES, {}),
    ("ASSESSMENTS", "assessment_count", COUNT, {"dimensions": ["assessment_name"]}), ("ASSESSMENTS", "assessment_count", COUNT, {"dimensions": ["assessment_value", "assessment_name"]}), ("ASSESSMENTS", "assessment_value", TIMES, {"dimensions": ["assessment_name"]}),
    ("ASSESSMENTS", "assessment_count", COUNT, {"filters": ["assessment.type = 'feedback'"]}), ("ASSESSMENTS", "assessment_value", TIMES, {"filters": ["assessment.name = 'score'"]}), ("ASSESSMENTS", "assessment_count", COUNT, {"filters": ["trace.tag.odd = '1'"]}),
    # What is refused.
    ("TRACES", "none", COUNT, {}), ("TRACES", "trace_count", SUM, {}), ("TRACES", "latency", COUNT, {}), ("TRACES", "trace_count", COUNT, {"dimensions": ["span_name"]}),
    ("TRACES", "trace_count", COUNT, {"filters": ["span.name = 'root'"]}), ("SPANS", "span_count", COUNT, {"filters": ["assessment.name = 'a'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["trace.tag = 'a'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["trace.status != 'OK'"]}),
    ("TRACES", "trace_count", COUNT, {"filters": ["trace.none = 'a'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["status = 'OK'"]}), ("TRACES", "trace_count", COUNT, {"filters": ["trace.status = 'OK' AND trace.status = 'OK'"]}), ("TRACES", "trace_count", COUNT, {"time_interval_seconds": 2}),
]


def measured(side):
    """Figures over many traces: the ones that were searched, and one that tells tokens and cost."""
    exp = side.ask("", "GET", "experiments/get-by-name", query={"experiment_name": "searched traces"}, note=False)["experiment"]["experiment_id"]
    trace = f"{0xc6:032x}"
    export(side, "tokens and cost", exp, spans(trace, ("00000000000000d1", None, "dear", 70, {"mlflow.spanType": "LLM", "mlflow.llm.model": '"gpt-9"', "mlflow.llm.provider": '"acme"', "mlflow.chat.tokenUsage": '{"input_tokens": 2, "output_tokens": 3, "total_tokens": 5, "cache_read_input_tokens": 1}', "mlflow.llm.cost": '{"input_cost": 0.25, "output_cost": 0.5, "total_cost": 0.75}'}), at=BEGAN + 6_000))
    for view, metric, aggregations, more in FIGURES:
        label = f"metrics {view} {metric} {json.dumps(aggregations)[:40]} {more}"
        told = side.ask(label, "POST", "/api/3.0/mlflow/traces/metrics", {"experiment_ids": [exp], "view_type": view, "metric_name": metric, "aggregations": aggregations, **more}, note=False)
        if "error_code" in told:
            side.note(label, told["error_code"])
            continue
        side.note(label, [{**point, "values": {name: round(float(value), 9) for name, value in point["values"].items()}} for point in told.get("data_points", [])])


def attached(side):
    """Files of a trace, and links that are told before it."""
    exp = side.post("experiments/create", name="attached traces")["experiment_id"]
    trace = f"{0xc7:032x}"
    run = side.post("runs/create", experiment_id=exp, run_name="early", start_time=BEGAN)["run"]["info"]["run_id"]
    side.post("traces/link-to-run", trace_ids=[f"tr-{trace}"], run_id=run)
    side.ask("not told yet", "GET", f"/api/3.0/mlflow/traces/tr-{trace}")
    export(side, "told later", exp, spans(trace, ("00000000000000e1", None, "late", 5, {"mlflow.spanInputs": "1"})))
    side.note("and linked", len(side.ask("", "POST", "/api/3.0/mlflow/traces/search", {"locations": [{"mlflow_experiment": {"experiment_id": exp}}], "filter": f"run_id = '{run}'"}, note=False).get("traces", [])))
    told = side.ask("", "GET", f"/api/3.0/mlflow/traces/tr-{trace}", note=False)
    place = told["trace"]["trace_info"]["tags"]["mlflow.artifactLocation"].split("mlflow-artifacts:", 1)[1].lstrip("/")
    place = place.split("/", 1)[1] if "127.0.0.1" in place.split("/", 1)[0] else place
    name = "0b9ff0fa-b0f4-4c5a-9c49-2f6e4e6a1a11"
    status, _, _ = side.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}/attachments/{name}", b"\x89PNG")
    side.note("a file is attached", status)
    for query in (f"request_id=tr-{trace}&path={name}", f"request_id=tr-{trace}&path=../{name}", f"request_id=tr-{trace}&path=picture.png", "path=x", "request_id=tr-none"):
        status, _, data = side.send("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?{query}")
        side.note(f"get-trace-artifact {query}", [status, data.decode("latin-1") if status == 200 else ""])
    status, headers, data = side.send("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-{trace}")
    side.note("its spans as a file", [status, headers["content-disposition"], [[span["name"], span["attributes"]["mlflow.spanInputs"]] for span in json.loads(data)["spans"]]])


# What other tracers say of a span, each in its own words.
WORDS = [
    {"openinference.span.kind": "LLM", "input.value": '{"q": 1}', "output.value": "four", "llm.token_count.prompt": 3, "llm.token_count.completion": 4, "llm.token_count.prompt_details.cache_read": 1, "llm.model_name": "gpt-oi", "llm.provider": "openai"},
    {"openinference.span.kind": "RETRIEVER", "input.value": "", "output.value": "[]"}, {"openinference.span.kind": "NEW"},
    {"gen_ai.operation.name": "chat", "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]', "gen_ai.output.messages": '[{"role": "assistant"}]', "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 6, "gen_ai.usage.cache_creation.input_tokens": 2, "gen_ai.request.model": "asked", "gen_ai.response.model": "answered", "gen_ai.provider.name": "anthropic"},
    {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": '{"city": "Rome"}', "gen_ai.tool.call.result": "sunny"}, {"gen_ai.usage.input_tokens": 7},
    {"traceloop.span.kind": "workflow", "traceloop.entity.input": '{"a": 1}', "traceloop.entity.output": '{"b": 2}'}, {"gen_ai.prompt.0.content": "hello", "gen_ai.completion.0.content": "bye", "gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.completion_tokens": 2, "llm.usage.total_tokens": 9, "gen_ai.system": "OpenAI"},
    {"ai.operationId": "ai.toolCall", "ai.toolCall.args": '{"x": 1}', "ai.toolCall.result": '{"y": 2}'}, {"ai.operationId": "ai.embed", "ai.value": "text"}, {"langfuse.observation.type": "generation", "langfuse.observation.input": '{"model": "gpt-lf"}', "langfuse.observation.output": "out"},
    {"mlflow.spanType": "CHAIN", "openinference.span.kind": "LLM", "mlflow.spanInputs": '"mine"', "input.value": "theirs"}, {"mlflow.spanType": '"UNKNOWN"', "openinference.span.kind": "TOOL"},
]


def translated(side):
    """Spans of other tracers: their sort, what went in and came out, tokens and model."""
    exp = side.post("experiments/create", name="translated traces")["experiment_id"]
    for number, words in enumerate(WORDS):
        trace = f"{0xd0 + number:032x}"
        export(side, f"words {number}", exp, spans(trace, ("00000000000000f1", None, "told", 5, words)))
        told = side.ask("", "GET", "/api/3.0/mlflow/traces/get", query={"trace_id": f"tr-{trace}"}, note=False)["trace"]
        attributes = {it["key"]: it["value"] for it in told["spans"][0]["attributes"]}
        known = ("mlflow.spanType", "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.chat.tokenUsage", "mlflow.llm.model", "mlflow.llm.provider")
        # The fields of a map have no order.
        side.note(f"in MLflow's words {number}", json.loads(json.dumps({key: attributes.get(key) for key in known}, sort_keys=True)))
        side.note(f"the trace {number}", [told["trace_info"].get("request_preview"), told["trace_info"].get("response_preview")])


# Tokens of models, and models nobody has a price of; what is told stays.
PRICED = [
    {"mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai", "mlflow.chat.tokenUsage": '{"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200, "cache_read_input_tokens": 300}'},
    {"gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "OpenAI", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 6},
    {"mlflow.llm.model": "openai/gpt-4o-mini", "mlflow.llm.provider": "openai", "mlflow.chat.tokenUsage": '{"input_tokens": 0, "output_tokens": 7, "total_tokens": 7}'},
    {"mlflow.llm.model": "nobody-knows-it", "mlflow.llm.provider": "openai", "mlflow.chat.tokenUsage": '{"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}'},
    {"mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai", "mlflow.chat.tokenUsage": '{"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}', "mlflow.llm.cost": '{"input_cost": 1.0, "output_cost": 2.0, "total_cost": 3.0}'},
    {"mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai"}, {"mlflow.llm.model": "gateway:/gpt-4o-mini", "mlflow.chat.tokenUsage": '{"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}'},
]


def priced(side):
    """What tokens cost: MLflow's server brings prices with it, ours has those that are declared; the same here."""
    from mlflow.utils.providers import _load_bundled_provider

    if side.name == "aic":
        known = _load_bundled_provider("openai")["gpt-4o-mini"]
        price = {"model": "gpt-4o-mini", "provider": "openai", "input": known["input_cost_per_token"] * 1e6, "output": known["output_cost_per_token"] * 1e6, "cacheRead": known["cache_read_input_token_cost"] * 1e6}
        status, _, data = side.send("POST", "/api/v1/catalog/model-prices", {"metadata": {"name": "gpt-4o-mini"}, "spec": price})
        assert status == 201, data
    exp = side.post("experiments/create", name="priced traces")["experiment_id"]
    told = [(f"{0xa0 + number:016x}", f"{0xa0:016x}" if number else None, f"part {number}", 5, words) for number, words in enumerate(PRICED)]
    trace = f"{0xe1:032x}"
    export(side, "tokens with a price", exp, spans(trace, *told))
    found = side.ask("", "GET", "/api/3.0/mlflow/traces/get", query={"trace_id": f"tr-{trace}"}, note=False)["trace"]
    rounded = lambda cost: cost and {key: round(value, 12) for key, value in sorted(json.loads(cost).items())}  # noqa: E731
    for span in sorted(found["spans"], key=lambda it: it["name"]):
        cost = next((it["value"] for it in span["attributes"] if it["key"] == "mlflow.llm.cost"), None)
        cost = plain(cost) if cost else None
        side.note(f"what {span['name']} cost", rounded(json.dumps(cost)) if cost else None)
    side.note("what all of it cost", rounded(found["trace_info"]["trace_metadata"].get("mlflow.trace.cost")))
    told = side.ask("", "POST", "/api/3.0/mlflow/traces/metrics", {"experiment_ids": [exp], "view_type": "SPANS", "metric_name": "total_cost", "aggregations": SUM, "dimensions": ["span_model_name"]}, note=False)
    side.note("cost by model", sorted((json.dumps(it.get("dimensions")), round(float(it["values"]["SUM"]), 12)) for it in told.get("data_points", [])))


def plain(value):
    """A value of OpenTelemetry's JSON as it is."""
    if "kvlist_value" in value:
        return {it["key"]: plain(it["value"]) for it in value["kvlist_value"]["values"]}
    one = next(iter(value.values()))
    return json.loads(one) if isinstance(one, str) and one.startswith("{") else one
