-- A trigger that queues a background job for each new row. If no job server takes the job, the
-- INSERT fails, so no order is without its job.
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(100) NOT NULL);

CREATE TRIGGER order_placed AFTER INSERT ON orders FOR EACH ROW
  SET @handle = gman_do_background('order_placed',
                                   JSON_OBJECT('id', NEW.id, 'customer', NEW.customer));

INSERT INTO orders (customer) VALUES ('Ada'), ('Grace');
