"""Names of columns, labels and headings that tables and figures show, as ``word`` and ``label`` say them."""

WORDS = """
(gone)
(none)
5 %
90 %
95 %
> target
LTV:CAC
P(> 0)
R-hat
ROI, 5 %
ROI, 95 %
Test & Roll
a belief
acquisition
action
active
actual is
actual mean
advice
age
alive
arm
arrivals
as an elasticity
as of
as planned
assumed
at most
at risk
auc
average
average order
behind plan
behind the plan
best of 200, a year
best with
bias
bought
bought again
brier
brier of purchase
brier of share
bundle
buy again
cac
calendar and tenure
ceiling (EVPPI)
cell
chains
channel
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
coverage 90
crps
crps diff
crps diff se
currency
current
customer ids
customers acquired earlier
customers without purchase
date
days
days, money
diag diff
difference
discount
discounted
disk
divergences
dormant
draws
dropout
dropout concentration
dropout hazard
dropout mean
dse
each
ebfmi
effect
effect mean
effect sd
effect source
effective draws
eligible
elpd
elpd diff
ess bulk
ess tail
event
evpi
evppi
evppi window
existing
existing customers only
expectation
expectation width
expected
expected purchases
factor on the purchase rate
fail
failed
failed checks that were accepted
figure
fingerprint
fingerprint of the data
first
first and repeat amounts, correlation of logs
first purchase effect
first purchases
fixed cost
fonts
forecast of purchases
forecast of spend
free delivery
frequency
from
gift
gini
groups
growing
hash of the spec
hazard ratio
hazard ratio of conversions
high
historical
historical average
hold out
how sure of the tier
importance ess
in stage, 90 %
incremental discount
incremental margin
influential customers
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
log score diff
log score diff se
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
max treedepth
mean
mean / typical spend
mean repeat spend
mean spend
mean value
measured
measured as
medium
membership
method
model
monetary value
money
month
months
n per arm
name
net benefit
net p05
net p50
net p95
net, 5 %
net, 95 %
new
new customers
no effect
none
not applicable
observed until
of it subsidy
of them repeat buyers
of them repeat buyers with amounts
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
outcome sd
p alive
p worse
p05
p50
p95
packages
parameter
parameters moved
pareto k
part
pass
past changed
past value
pays
pays back
pays back on day
per arm
period
pit deviation
plan
plan is better
plan is better with
policy
posterior draws
predicted mean
predictive
predictive width
price rise
prior
prior conflict
prior sensitivity
purchase
purchase days netted to zero
purchase rate
purchase shape
purchases a year
purchases crps
purchases log score
purchases pit deviation
python
quantity
random
rank
rate
rate after
rate ×
ratio
raw effect
reactivation
recency given frequency
recent purchase
redemption
refund amount unmatched
refund rows
refund rows dropped
refund rows unmatched
regular timing
repeat
repeat share
repeat share, 1 year
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
rows after observation end
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
share
share below
share of effect
share of the effects
share seen
shrunk effect
simple formula
spearman
spec
spend
spend between
spend crps
spend first
spend independence
spend mean exists
spend pit deviation
spend typical
spend within
spend, USD
spent so far
still active
summarized
target accept
temporary disk
test and roll
threads
threshold
tier previous
tiers shifted
time unit
title
total
total actual
total mean
total p05
total p95
totals
totals not looked at
totals too sure
treedepth
tune
typical first amount
typical spend
value is
value per customer
value to date
value, 5 %
value, 95 %
versions
warn
weeks
weight
what to do
what was found
why
will buy
win back
window shows
window weeks
within-customer spread
worth
year
years
"""
"""One a line, without underscores, in the order of the alphabet."""
