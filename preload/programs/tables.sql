-- Tables in memory: an index, groups, a join, strings.
create table a(id integer primary key, k text, v real);
with recursive r(i) as (select 1 union all select i + 1 from r where i < 150000)
    insert into a select i, 'k' || (i * 7919 % 50021), i * 0.5 from r;
create index by_k on a(k);
create table b as select k, count(*) n, sum(v) s, group_concat(id) ids from a group by k;
select count(*), sum(n), sum(length(ids)) from b join a using (k);
select substr(replace(k, 'k', 'zz'), 1, 4) start, count(*) from a group by start order by 2 desc, 1 limit 3;
