"""The schema of a Sparkplug B payload for the protocol buffer runtime, written from the field numbers of the specification 3.0,
chapter 6.4.1. It is independent of stationd.outputs.sparkplug.payload and knows nothing of it."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "uint32": FIELD.TYPE_UINT32,
    "uint64": FIELD.TYPE_UINT64,
    "float": FIELD.TYPE_FLOAT,
    "double": FIELD.TYPE_DOUBLE,
    "bool": FIELD.TYPE_BOOL,
    "string": FIELD.TYPE_STRING,
    "bytes": FIELD.TYPE_BYTES,
}
PACKAGE = "sparkplug.test"
# message -> (number, name, type, repeated, one-of); a type that is none of the above is another message of this table
MESSAGES: dict[str, list[tuple[int, str, str, bool, bool]]] = {
    "PropertyValue": [
        (1, "type", "uint32", False, False),
        (2, "is_null", "bool", False, False),
        (3, "int_value", "uint32", False, True),
        (4, "long_value", "uint64", False, True),
        (5, "float_value", "float", False, True),
        (6, "double_value", "double", False, True),
        (7, "boolean_value", "bool", False, True),
        (8, "string_value", "string", False, True),
    ],
    "PropertySet": [(1, "keys", "string", True, False), (2, "values", "PropertyValue", True, False)],
    "Metric": [
        (1, "name", "string", False, False),
        (2, "alias", "uint64", False, False),
        (3, "timestamp", "uint64", False, False),
        (4, "datatype", "uint32", False, False),
        (5, "is_historical", "bool", False, False),
        (6, "is_transient", "bool", False, False),
        (7, "is_null", "bool", False, False),
        (9, "properties", "PropertySet", False, False),
        (10, "int_value", "uint32", False, True),
        (11, "long_value", "uint64", False, True),
        (12, "float_value", "float", False, True),
        (13, "double_value", "double", False, True),
        (14, "boolean_value", "bool", False, True),
        (15, "string_value", "string", False, True),
        (16, "bytes_value", "bytes", False, True),
    ],
    "Payload": [
        (1, "timestamp", "uint64", False, False),
        (2, "metrics", "Metric", True, False),
        (3, "seq", "uint64", False, False),
        (4, "uuid", "string", False, False),
        (5, "body", "bytes", False, False),
    ],
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_test.proto", package=PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(one_of for *_, one_of in fields):
            message.oneof_decl.add(name="value")
        for number, field, kind, repeated, one_of in fields:
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label, type=TYPES.get(kind, FIELD.TYPE_MESSAGE))
            if kind not in TYPES:
                added.type_name = f".{PACKAGE}.{kind}"
            if one_of:
                added.oneof_index = 0
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())
Payload: Any = message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))
