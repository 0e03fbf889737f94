"""Names of columns, labels and headings that tables and figures show, as ``word`` and ``label`` say them."""

WORDS = """
5 %
90 %
90 % interval
95 %
> target
action
active
actual
actual is
actual mean
alive
all
arm
assumed
at most
at risk
auc
behind the plan
bias
bought
brier
brier of share
bundle
buy again
ceiling (EVPPI)
cell
check
chosen
cohort
cohort month
cohort week
compiler
control
cost
costs
crps
current
customer
customers
day
days
difference
discount
discounted
disk
dormant
dropout
each
effect
effect source
effective draws
eligible
event
existing customers
expectation
expectation width
expected
expected value
fail
failed
fonts
free delivery
gift
gini
group
growing
hazard ratio
held out
high
historical average
hold out
how sure of the tier
in stage
inside
inside 90
java
kernel cache
kind
lapsed
letter
level
log score
lost
low
ltv
ltv margin
ltv revenue
mae of median
margin
mature
mature days
mean
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
new
none
not applicable
nothing
of it subsidy
once
one time
order
other cost
outcome
P(> 0)
p05
p50
p95
packages
parameter
pass
past value
pays
pays back
pays from
per arm
pit deviation
plan
plan is better
policy
predicted
predicted mean
predictive
predictive width
price rise
prior
purchase
purchases
python
quantity
R-hat
rate
rate after
rate ×
ratio
raw effect
reactivation
redemption
repeated
repurchase
retention
returners
revenue
rmse of mean
roi
rows
scale
score
sd
second dropout
second rate
seconds
segment
share below
share of the effects
shrunk effect
simple formula
spearman
spec
spend
spend, USD
stage
status
still active
summarized
temporary disk
Test & Roll
threads
threshold
tier
title
total
totals not looked at
totals too sure
value
value to date
warn
week
weeks
what to do
what was found
why
win back
window shows
worth
year
years
"""
"""One a line, without underscores, in the order of the alphabet."""
