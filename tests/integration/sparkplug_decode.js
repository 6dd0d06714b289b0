// Reads Sparkplug payloads, one a line in hexadecimal, and prints each as JSON on one line, decoded by npm's sparkplug-payload.
//
// That decoder needs the type of every metric in every message, which the specification says should not be repeated in data
// (tck-id-payloads-metric-datatype-not-req). So the types are put back here from the births, by alias, as a host has to do.
"use strict";
const decoder = require("sparkplug-payload").get("spBv1.0");
const { Payload } = require("sparkplug-payload/lib/sparkplugPayloadProto").org.eclipse.tahu.protobuf;
const types = new Map();
const plain = (key, value) => (value && typeof value === "object" && "low" in value && "high" in value
  ? Number((BigInt(value.high) << 32n) + BigInt(value.low >>> 0)) : value);

for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter((words) => words)) {
  const payload = Payload.decode(Buffer.from(line, "hex"));
  for (const metric of payload.metrics) {
    if (metric.datatype) {
      types.set(String(metric.alias), metric.datatype);
    } else {
      metric.datatype = types.get(String(metric.alias));
    }
  }
  console.log(JSON.stringify(decoder.decodePayload(Payload.encode(payload).finish()), plain));
}
