-- A trigger that queues a background job for each new row. If no job server takes the job, the
-- INSERT fails, so no order is without its job. A worker may begin before the transaction has
-- committed, and also after it was rolled back: give the job what it needs, or let it look again.
CREATE TABLE orders (id serial PRIMARY KEY, customer text NOT NULL);

CREATE FUNCTION queue_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM gman_do_background('order_placed', row_to_json(NEW)::text);
  RETURN NULL;
END
$$;

CREATE TRIGGER order_placed AFTER INSERT ON orders
  FOR EACH ROW EXECUTE FUNCTION queue_order();

INSERT INTO orders (customer) VALUES ('Ada'), ('Grace');
