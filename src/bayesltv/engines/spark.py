"""Apache Spark: the same summary and the same scores where the rows are, on many machines.

``ltv.spark.summarize`` and ``ltv.spark.score`` take and return Spark DataFrames. They need pyspark
(``pip install bayesltv[spark]``) and a classic session: Spark Connect has no broadcast. Workers need this
package in the driver's version (``pip install --no-deps bayesltv``) and numpy, scipy, numba, pandas, pyarrow
and xarray; they need none of pymc, pytensor, nutpie, arviz and pymc-marketing.
"""

from bayesltv.engines.spark_score import score as score
from bayesltv.engines.spark_score import thresholds as thresholds
from bayesltv.engines.spark_score import totals as totals
from bayesltv.engines.spark_summary import summarize as summarize

__all__ = ["score", "summarize", "thresholds", "totals"]
