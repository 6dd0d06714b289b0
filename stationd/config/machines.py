"""The sections of what can be driven: [pfe.DEVICE] and [amplifier.DEVICE], the limits within which operations and set values stay.

What the limits of the keys protect from is a slip of a digit or a unit. [E] marks an assumption of ours that a station may change.
What concerns several keys or sections is checked in stationd.config.machine_checks; what is made of it, in stationd.config.acting.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, PlainValidator

from stationd.config import values
from stationd.config.strict import STRICT

MaybePoint = Annotated[str | None, AfterValidator(values.point_or_none)]
Span = tuple[float, float] | None
INTERLOCKS = 'points that must all be true, or the word "hardware-only"; none: cannot be armed'
WHY_NONE = "why hardware-only; shown on every arming screen"


class PowerFeed(BaseModel):
    """Limits of the machine that drives a power feed."""

    model_config = STRICT

    # Lines of this length are fed with 0.7-1.6 A and less than 1 kV; 15 kV is the top of transoceanic systems.
    nominal_ma: Annotated[float, Field(gt=0.0, le=5_000.0, description="line current in service")] = 1000.0
    max_v: Annotated[float, Field(gt=0.0, le=15_000.0, description="highest voltage that is ever asked for")] = 800.0
    ramp_ma_per_s: Annotated[float, Field(gt=0.0, le=100.0, description="slope of a ramp; 10 mA/s is an assumption")] = 10.0
    ramp_down_ma_per_s: Annotated[float, Field(gt=0.0, le=200.0, description="slope of a ramp down; an assumption")] = 20.0
    # What stops an operation that goes wrong [E]: larger than the meters' noise and the steps of the set point.
    deviation_ma: Annotated[
        float, Field(gt=0.0, le=500.0, description="an operation stops when the current is so far off its profile for deviation_s")
    ] = 15.0
    deviation_s: Annotated[float, Field(ge=0.5, le=30.0, description="how long the current may be off its profile")] = 2.0
    rise_v_per_s: Annotated[float, Field(gt=0.0, le=10_000.0, description="a voltage that rises faster stops the operation")] = 400.0
    model_share: Annotated[
        float, Field(gt=0.0, le=0.5, description="at a hold point the voltage may be off the model of the line by this share")
    ] = 0.05
    # 60 V DC is the usual limit of a voltage that may be touched; electrical safety wants a test by hand all the same.
    discharged_v: Annotated[float, Field(gt=0.0, le=60.0, description="the line counts as discharged below this voltage")] = 50.0
    discharge_s: Annotated[float, Field(ge=1.0, le=3600.0, description="longest time that the discharge may take")] = 60.0
    trim_ma: Annotated[
        float, Field(ge=0.0, le=50.0, description="a set current may be moved by so much while both ends hold the current")
    ] = 5.0
    # 3.3 mA per kV was published for a 1978 system; a feed whose droop nobody has told or learnt may have 0 to 10.
    droop_ma_per_kv: Annotated[
        float | None, Field(ge=0.0, le=1_000.0, description="current given up per 1000 V of the line; not set: unknown, until learnt")
    ] = None
    droop_doubt_ma_per_kv: Annotated[float, Field(ge=0.0, le=1_000.0, description="the droop is within so much of droop_ma_per_kv")] = 0.3
    electroding: Annotated[MaybePoint, Field(description="relay that switches the electroding tone; not set: none")] = None
    earthed: Annotated[
        MaybePoint, Field(description="contact of the earth switch, true: the line is earthed; not set: not wired")
    ] = None
    interlocks: Annotated[
        tuple[str, ...] | Literal["hardware-only"], PlainValidator(values.interlocks), Field(description=INTERLOCKS)
    ] = ()
    interlocks_reason: Annotated[str | None, Field(min_length=8, max_length=200, description=WHY_NONE)] = None


class Amplifier(BaseModel):
    """Limits of the set values of an amplifier, and what must be well before its pumps are switched on."""

    model_config = STRICT

    gain_db: Annotated[Span, PlainValidator(values.span), Field(description="[lowest, highest] gain that may be set")] = None
    output_dbm: Annotated[Span, PlainValidator(values.span), Field(description="[lowest, highest] output power that may be set")] = None
    pump1_ma: Annotated[Span, PlainValidator(values.span), Field(description="[lowest, highest] current of pump 1 that may be set")] = None
    tilt_db: Annotated[Span, PlainValidator(values.span), Field(description="[lowest, highest] tilt that may be set")] = None
    # A step that a line with saturated repeaters hardly feels [E].
    step_db: Annotated[float, Field(gt=0.0, le=10.0, description="largest step of gain or tilt of one apply")] = 1.0
    step_dbm: Annotated[float, Field(gt=0.0, le=10.0, description="largest step of the output power of one apply")] = 1.0
    step_ma: Annotated[float, Field(gt=0.0, le=1_000.0, description="largest step of a pump current of one apply")] = 20.0
    # An open straight connector returns about 14 dB, an angled good one over 50 dB [E].
    least_return_loss_db: Annotated[
        float, Field(ge=0.0, le=70.0, description="pumps of the watt class want at least this return loss")
    ] = 24.0
    interlocks: Annotated[
        tuple[str, ...] | Literal["hardware-only"],
        PlainValidator(values.interlocks),
        Field(description='points that must all be true, or the word "hardware-only"; pumps of the watt class need one of them'),
    ] = ()
    interlocks_reason: Annotated[str | None, Field(min_length=8, max_length=200, description=WHY_NONE)] = None
