create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
  insert into t select i, 'text ' || (i * 7919 % 30011), i * 1.5 from n;
create index tb on t(b);
select count(*), sum(length(b)) from t where b like '%77%';
select substr(b, 1, 7) g, count(*), length(group_concat(a)) from t group by g order by 2 desc, 1 limit 5;
update t set b = b || 'x' where a % 3 = 0;
select count(distinct b), sum(c) from t;
select count(*) from t x join t y on x.b = y.b and x.a < y.a;
delete from t where a % 2 = 0;
vacuum;
select count(*), max(b) from t;
