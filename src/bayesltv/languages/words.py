"""Names of columns, labels and headings that tables and figures show, as ``word`` and ``label`` say them."""

WORDS = """
5 %
90 %
90 % interval
95 %
> target
forecast of purchases
forecast of spend
P(> 0)
parameters moved
past changed
R-hat
ROI, 5 %
ROI, 95 %
Test & Roll
action
active
actual
actual is
actual mean
age
alive
all
arm
as an elasticity
as of
assumed
at most
at risk
auc
average
average order
behind the plan
best with
bias
bought
bought again
brier
brier of share
bundle
buy again
cac
calendar and tenure
ceiling (EVPPI)
cell
check
chosen
cohort
cohort curve
cohort month
cohort week
common shocks
compiler
contact cost
control
cost
costs
crps
currency
current
customer
customer ids
customers
day
days
difference
discount
discounted
disk
divergences
dormant
dropout
each
ebfmi
effect
effect source
effective draws
eligible
ess bulk
ess tail
event
existing customers
existing customers only
expectation
expectation width
expected
expected value
fail
failed
failed checks that were accepted
fingerprint
fingerprint of the data
first purchase effect
first purchases
fixed cost
fonts
forecast
free delivery
from
gift
gini
group
groups
growing
hash of the spec
hazard ratio
held out
high
historical
historical average
hold out
how sure of the tier
importance ess
in stage, 90 %
incremental discount
incremental margin
inside
inside 90
java
just pays at
kernel cache
kind
labelled
lapsed
letter
level
log score
loses, given your assumptions, with
lost
low
ltv
ltv margin
ltv revenue
mae of median
margin
margin so far
mature
mature days
mean
mean repeat spend
mean value
measured
medium
membership
method
model
month
months
name
net
net benefit
net, 5 %
net, 95 %
new
none
not applicable
nothing
observed until
of it subsidy
of them repeat buyers
of them repeat buyers with amounts
once
one for all bundle
one for all discount
one for all free delivery
one for all gift
one for all letter
one for all membership
one for all price rise
one for all win back
one time
one time buyers
order
other cost
outcome
p alive
p05
p50
p95
packages
parameter
pareto k
pass
past value
pays
pays back
pays back on day
per arm
pit deviation
plan
plan is better
plan is better with
policy
posterior draws
predicted
predicted mean
predictive
predictive width
price rise
prior
prior conflict
purchase
purchases
python
quantity
random
rate
rate after
rate ×
ratio
raw effect
reactivation
redemption
regular timing
repeated
replicated customers
repurchase
retention
retention rate
returners
revenue
rhat
rmse of mean
roi
rows
running cost
sampler
scale
score
sd
second dropout
second rate
seconds
seed
segment
service cost
share below
share of effect
share of the effects
shrunk effect
simple formula
spearman
spec
spend
spend independence
spend mean exists
spend, USD
spent so far
stage
status
still active
subsidy
summarized
temporary disk
threads
threshold
tier
tiers shifted
time unit
title
total
totals
totals not looked at
totals too sure
treedepth
value
value is
value per customer
value to date
value, 5 %
value, 95 %
versions
warn
week
weeks
what to do
what was found
why
will buy
win back
window shows
worth
year
years
"""
"""One a line, without underscores, in the order of the alphabet."""
