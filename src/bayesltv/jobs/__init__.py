"""The straight line from file to file: log -> summary -> fit -> checks -> scores, one function per command.

What comes out is written only when all has gone well, and whether it can be written is looked at first.
"""

from bayesltv.jobs.choose import benchmark_file as benchmark_file
from bayesltv.jobs.choose import choose_file as choose_file
from bayesltv.jobs.cohorts import cohorts_file as cohorts_file
from bayesltv.jobs.databases import score_customer as score_customer
from bayesltv.jobs.databases import score_into as score_into
from bayesltv.jobs.decide import decide_file as decide_file
from bayesltv.jobs.fit import fit_file as fit_file
from bayesltv.jobs.fit import uplift_file as uplift_file
from bayesltv.jobs.forecast import forecast_file as forecast_file
from bayesltv.jobs.judge import check_file as check_file
from bayesltv.jobs.judge import compare_files as compare_files
from bayesltv.jobs.judge import evaluate_file as evaluate_file
from bayesltv.jobs.refit import refit_file as refit_file
from bayesltv.jobs.report import report_file as report_file
from bayesltv.jobs.score import score_file as score_file
from bayesltv.jobs.spark import score_on_spark as score_on_spark
from bayesltv.jobs.spark import summarize_on_spark as summarize_on_spark
from bayesltv.jobs.summarize import summarize_file as summarize_file
