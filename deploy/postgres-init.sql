-- One database and one role per service: no service can read another's store.
-- The PostgreSQL image runs this once, when its volume is empty.
\set ON_ERROR_STOP on
\getenv password STOA_DB_PASSWORD

CREATE ROLE stoa_onboard LOGIN PASSWORD :'password';
CREATE ROLE stoa_enable LOGIN PASSWORD :'password';
CREATE ROLE stoa_market LOGIN PASSWORD :'password';
CREATE ROLE stoa_sell LOGIN PASSWORD :'password';
CREATE ROLE stoa_incentivize LOGIN PASSWORD :'password';
CREATE ROLE stoa_analytics LOGIN PASSWORD :'password';

CREATE DATABASE stoa_onboard OWNER stoa_onboard;
CREATE DATABASE stoa_enable OWNER stoa_enable;
CREATE DATABASE stoa_market OWNER stoa_market;
CREATE DATABASE stoa_sell OWNER stoa_sell;
CREATE DATABASE stoa_incentivize OWNER stoa_incentivize;
CREATE DATABASE stoa_analytics OWNER stoa_analytics;

-- Owners keep their access. By default, everybody may connect to every database.
REVOKE CONNECT ON DATABASE
    stoa_onboard, stoa_enable, stoa_market, stoa_sell, stoa_incentivize, stoa_analytics
    FROM PUBLIC;
