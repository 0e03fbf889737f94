"""The words of the project, fixed once: columns, dims, parameters."""

# columns of a transaction log (defaults)
CUSTOMER_ID = "customer_id"
DATE = "date"
AMOUNT = "amount"

# columns of a customer summary
FREQUENCY = "frequency"
RECENCY = "recency"
T = "T"
MONETARY_VALUE = "monetary_value"
SPEND_COUNT = "spend_count"
SPEND_SUM = "spend_sum"
SPEND_LOG_SUM = "spend_log_sum"
FIRST_AMOUNT = "first_amount"
FIRST_PURCHASE = "first_purchase"
LAST_PURCHASE = "last_purchase"
VALUE_TO_DATE = "value_to_date"
REPEAT_DAYS = "repeat_days"
AS_OF_DATE = "as_of_date"
MODEL_VERSION = "model_version"
REFERRAL_VALUE = "referral_value"
"""Optional, the user's own: money within the horizon that a customer is credited with for others who came."""
LTV_WITH_REFERRAL = "ltv_with_referral_mean"

SPEND_STATISTICS = (SPEND_COUNT, SPEND_SUM, SPEND_LOG_SUM)
SUMMARY_COLUMNS = (
    CUSTOMER_ID,
    FREQUENCY,
    RECENCY,
    T,
    MONETARY_VALUE,
    *SPEND_STATISTICS,
    FIRST_AMOUNT,
    FIRST_PURCHASE,
    LAST_PURCHASE,
    VALUE_TO_DATE,
    REPEAT_DAYS,
)

ACCEPTED_FAILED = "accepted_failed"
"""Column of a score table: failed checks of the fit that were accepted, where there were any."""

# attributes of a customer summary and of a fit
TIME_UNIT = "time_unit"
OBSERVATION_END = "observation_end"
CURRENCY = "currency"
SET_ASIDE = "set_aside"
FINGERPRINT = "fingerprint"
GROUPS = "groups"

# dims, in this order
CHAIN = "chain"
DRAW = "draw"
GROUP = "group"
DIMS = (CHAIN, DRAW, GROUP, CUSTOMER_ID)
GROUP_SEPARATOR = " | "
COMMON_SHOCKS = "common_shocks"
"""The check whether something moves all customers together; what it said stands beside totals."""
PERIOD_END = "period_end"
"""Dim of counts over the calendar: the last day of each period."""

# natural parameters; alpha and v are rates
PURCHASE_PARAMETERS = ("r", "alpha", "a", "b")
SPEND_PARAMETERS = ("p", "q", "v")
DELTA = "delta"
"""Level of first amounts against later ones, where the fit has them."""

# the scales that priors speak of
PURCHASE_RATE = "purchase_rate"
PURCHASE_SHAPE = "purchase_shape"
DROPOUT_MEAN = "dropout_mean"
DROPOUT_CONCENTRATION = "dropout_concentration"
DROPOUT_HAZARD = "dropout_hazard"
LIFETIME_SHAPE = "lifetime_shape"
SPEND_TYPICAL = "spend_typical"
SPEND_WITHIN = "spend_within"
SPEND_BETWEEN = "spend_between"
SPEND_FIRST = "spend_first"
PURCHASE_SCALES = (PURCHASE_RATE, PURCHASE_SHAPE, DROPOUT_MEAN, DROPOUT_CONCENTRATION)
SPEND_SCALES = (SPEND_TYPICAL, SPEND_WITHIN, SPEND_BETWEEN)

# the calendar clock: parameters as the spec names them, and dims
CLOCK = "clock"
CLOCK_BLOCK = "clock_block"
"""Dim of the clock's values: the last day of each block."""
CLOCK_HARMONIC = "clock_harmonic"
CLOCK_START = "clock_start"
CLOCK_END = "clock_end"
"""First and last day of the fit's calendar, in days since 1970-01-01."""
CLOCK_SD = "sd"
CLOCK_RHO = "rho"
CLOCK_STEP_SD = "step_sd"
CLOCK_SEASON_SD = "season_sd"
CLOCK_GROUP_SD = "group_sd"


def clock_name(part: str) -> str:
    """Name of the posterior variable that holds a parameter or component of the clock."""
    return f"{CLOCK}_{part}"


def factor_name(event: str) -> str:
    """Name of the posterior variable that holds the factor of an event of the clock."""
    return f"{CLOCK}_factor_{event}"


def seen_name(event: str) -> str:
    """Name of the constant that says how many times the fit's calendar holds an event of the clock."""
    return f"{CLOCK}_seen_{event}"


def sd_name(scale: str, column: str) -> str:
    """Name of the posterior variable that holds the pooling sd of `scale` over the levels of `column`."""
    return f"{scale}_sd_{column}"


def effect_name(scale: str, column: str) -> str:
    """Name of the posterior variable that holds the effects of the levels of `column` on `scale`."""
    return f"{scale}_effect_{column}"


def coefficients_name(scale: str) -> str:
    """Name of the posterior variable that holds the coefficients of the covariates on `scale`."""
    return f"{scale}_covariates"


def covariate_dim(scale: str) -> str:
    """Name of the dim of those coefficients: labels "age" or "channel=web"."""
    return f"{scale}_covariate"


def level_name(column: str) -> str:
    """Name of the constant that holds the level of `column` of each observed group."""
    return f"{column}_of_group"
